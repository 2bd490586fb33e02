"""The network of a motion model, in torch and with the host's layers."""
