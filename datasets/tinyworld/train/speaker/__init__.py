"""How the speaker embedding is made, measured and described."""
