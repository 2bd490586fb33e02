"""What the nodes share: sockets, files, input checks, reports."""
