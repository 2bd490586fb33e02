"""The nodes, thin: each says what it takes, and calls motion_models."""

from . import context, latent, lora, motion, schedule

NODES = [*motion.NODES, *lora.NODES, *schedule.NODES, *context.NODES, *latent.NODES]
