"""Motion models: the network, its files, and its use in a ComfyUI MODEL. Nothing here imports the nodes."""
