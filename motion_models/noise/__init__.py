"""The start noise of a clip."""
