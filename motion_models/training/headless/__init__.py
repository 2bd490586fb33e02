"""Training from the command line: on one GPU, on many, and on many machines."""
