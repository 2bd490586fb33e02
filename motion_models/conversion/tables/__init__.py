"""What the conversion knows of their nodes and of those that it makes."""
