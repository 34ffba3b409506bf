"""How well damage is found (`make bench-detection`)."""
