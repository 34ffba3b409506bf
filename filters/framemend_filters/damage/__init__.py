"""Damage: made for training and tests, and found in pictures."""
