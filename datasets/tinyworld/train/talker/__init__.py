"""How the talker is made, measured and described."""
