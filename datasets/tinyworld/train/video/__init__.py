"""How the classifier of motions is made, measured and described."""
