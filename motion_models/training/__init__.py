"""Training motion modules."""
