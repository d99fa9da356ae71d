"""How the three connectors of a LLaVA are made, measured and described."""
