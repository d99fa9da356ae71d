"""How the shipped recordings are made."""
