"""How LLaVA is made, measured and described."""
