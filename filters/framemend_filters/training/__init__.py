"""Training: recipes, samples made ahead by workers, the loop."""
