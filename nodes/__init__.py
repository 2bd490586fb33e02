"""The nodes. Each declares its inputs and calls motion_models."""

from . import clips, context, latent, lora, motion, preview, schedule, training

NODES = [
    *motion.NODES,
    *lora.NODES,
    *schedule.NODES,
    *context.NODES,
    *latent.NODES,
    *clips.NODES,
    *training.NODES,
    *preview.NODES,
]
