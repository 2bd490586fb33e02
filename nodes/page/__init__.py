"""What the page asks ComfyUI's server for, and what it tells it."""
