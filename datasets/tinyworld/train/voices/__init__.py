"""Many voices in four acted styles: what the models of week 7 learn from, and the recordings that the course ships."""
