"""Values that change over frames and sampling steps."""
