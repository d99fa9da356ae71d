"""How the language model over words and image tokens is made, measured and described."""
