"""How good the shipped models are: the figures on their cards, measured again by `python -m tinyworld.measure NAME`."""
