"""Motion models: what they are, how they are read, and how they join a MODEL of the host. Knows nothing of nodes."""
