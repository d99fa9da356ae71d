"""Recipes of the shipped models: `python -m tinyworld.train NAME`. One module a model, plus what they share."""
