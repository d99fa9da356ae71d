"""How Whisper, and the synthesiser that it learns from is made, measured and described."""
