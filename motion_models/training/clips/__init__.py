"""Training data: clips cut from videos, folders of frames and still pictures, as latents with captions."""
