"""How the model that writes pictures as programs is made, measured and described."""
