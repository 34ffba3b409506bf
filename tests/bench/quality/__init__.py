"""Compares framemend with hand-made filters on the same frames: `python -m bench.quality run`, see `examples/results.md`."""
