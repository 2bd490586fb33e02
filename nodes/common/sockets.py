"""The socket types of this pack."""

from comfy_api.latest import io

MotionModel = io.Custom("ADXL_MOTION_MODEL")
MotionLoRA = io.Custom("ADXL_MOTION_LORA")
Schedule = io.Custom("ADXL_SCHEDULE")
TrainingPreview = io.Custom("ADXL_TRAINING_PREVIEW")

Curve = io.Custom("CURVE")
"""The host's type. `io.Curve` is also a widget, which always has a value and so would always win over the points."""
