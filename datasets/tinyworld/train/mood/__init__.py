"""How the classifier of acted moods is made, measured and described."""
