"""The socket types of this pack."""

from comfy_api.latest import io

MotionModel = io.Custom("ADXL_MOTION_MODEL")
MotionLoRA = io.Custom("ADXL_MOTION_LORA")
Schedule = io.Custom("ADXL_SCHEDULE")
