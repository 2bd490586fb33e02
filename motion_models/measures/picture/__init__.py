"""The picture of measured clips: frames and flow, curves, bars."""
