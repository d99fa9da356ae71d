"""How the judge of generated pictures is made, measured and described."""
