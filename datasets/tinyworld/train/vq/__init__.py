"""How the image tokeniser is made, measured and described."""
