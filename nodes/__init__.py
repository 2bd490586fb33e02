"""The nodes, thin: each says what it takes, and calls motion_models."""

from . import latent, motion

NODES = [*motion.NODES, *latent.NODES]
