"""The version of this pack, as in pyproject.toml."""

VERSION = "0.1.0"
