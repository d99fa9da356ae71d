"""How the classifiers of picture, text and sound are made, measured and described."""
