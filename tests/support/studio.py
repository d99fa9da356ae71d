"""What is painted where it does not matter what."""

STAR = "a large red star on a white background"
