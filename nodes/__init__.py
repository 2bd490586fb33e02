"""The nodes. Each declares its inputs and calls motion_models."""

from . import context, latent, lora, motion, picture, schedule, training

NODES = [
    *motion.NODES,
    *lora.NODES,
    *picture.NODES,
    *schedule.NODES,
    *context.NODES,
    *latent.NODES,
    *training.NODES,
]
