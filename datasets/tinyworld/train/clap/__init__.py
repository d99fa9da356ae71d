"""How the audio-text embedding is made, measured and described."""
