"""What goes wrong for a user, said in one sentence: what it is, what was expected, what to do."""


class MotionError(ValueError):
    """An error with a message for the person at the graph. The host shows it in its error dialog."""
