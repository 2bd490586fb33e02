"""The noise a clip starts from."""
