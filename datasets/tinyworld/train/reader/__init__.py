"""How the reader, whose alignment is learnt, is made, measured and described."""
