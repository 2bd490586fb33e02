"""The host's audio models need this name when they are imported."""


class MelScale:
    pass
