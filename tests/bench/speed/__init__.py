"""Measures how fast framemend is and how much memory it takes: `python -m bench.speed run`, see `examples/speed.md`."""
