"""A name that is looked up when the host's audio models are imported."""


class MelScale:
    pass
