"""What the nodes share: sockets, files, the gate for inputs, reports."""
