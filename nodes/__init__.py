"""The nodes, thin: each says what it takes, and calls motion_models."""

from . import latent, lora, motion, schedule

NODES = [*motion.NODES, *lora.NODES, *schedule.NODES, *latent.NODES]
