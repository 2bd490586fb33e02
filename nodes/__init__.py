"""The nodes. Each declares its inputs and calls motion_models."""

from . import context, guidance, latent, lora, measures, motion, noise, options, picture, prompt, schedule, training

NODES = [
    *motion.NODES,
    *lora.NODES,
    *picture.NODES,
    *schedule.NODES,
    *prompt.NODES,
    *guidance.NODES,
    *context.NODES,
    *latent.NODES,
    *noise.NODES,
    *options.NODES,
    *measures.NODES,
    *training.NODES,
]
