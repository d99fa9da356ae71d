"""How BLIP is made, measured and described."""
