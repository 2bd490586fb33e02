"""The nodes. Each declares its inputs and calls motion_models."""

from . import context, latent, lora, motion, options, schedule, training

NODES = [
    *motion.NODES,
    *lora.NODES,
    *schedule.NODES,
    *context.NODES,
    *latent.NODES,
    *options.NODES,
    *training.NODES,
]
