"""Long and accountable work: ranges, segments that survive a crash, workers, records of what was changed, smart copies."""
