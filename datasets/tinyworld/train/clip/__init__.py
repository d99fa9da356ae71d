"""How CLIP, and the mean of two that is shipped is made, measured and described."""
