"""Nodes that measure clips."""

from . import motion

NODES = motion.NODES
