"""Errors that a user can fix. A message says what is wrong, what was expected and what to do."""


class MotionError(ValueError):
    """An error with a message for the user. ComfyUI shows it in its error dialog."""
