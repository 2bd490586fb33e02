"""Motion models in a MODEL that samples."""
