"""How the neural codec is made, measured and described."""
