"""How the codec is made, measured and described."""
