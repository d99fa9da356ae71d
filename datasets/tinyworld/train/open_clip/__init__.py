"""How CLIP in open_clip's format is made."""
