"""How the codec language model is made, measured and described."""
