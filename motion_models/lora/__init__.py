"""MotionLoRAs and domain adapters."""
