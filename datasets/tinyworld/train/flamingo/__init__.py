"""How Flamingo is made, measured and described."""
