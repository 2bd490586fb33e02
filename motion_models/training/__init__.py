"""Training in plain steps."""
