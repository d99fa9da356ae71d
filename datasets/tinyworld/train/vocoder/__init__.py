"""How the vocoder is made, measured and described."""
