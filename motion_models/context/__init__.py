"""Context windows: clips of any length, sampled in overlapping windows of frames."""
