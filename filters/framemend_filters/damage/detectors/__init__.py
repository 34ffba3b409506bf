"""Detectors of damage, one a file: each takes a `View` of a frame and its neighbours and gives a soft mask."""
