"""How the motion module of text to film is made, measured and described."""
