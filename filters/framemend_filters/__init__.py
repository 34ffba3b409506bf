"""Repair of video: arrays and tensors in, arrays and tensors out. Knows no host and opens no media."""
