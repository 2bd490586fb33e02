"""Context windows: clips of any length, some frames at a time."""
