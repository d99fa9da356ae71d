"""How the masked painter is made, measured and described."""
