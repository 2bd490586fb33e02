"""The network of a motion model, built from ComfyUI's layers."""
