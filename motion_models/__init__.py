"""Motion models: the network, its files, and its use in a ComfyUI MODEL. Nothing here imports the nodes."""

VERSION = "0.1.0"
"""Of this pack, as in pyproject.toml."""
