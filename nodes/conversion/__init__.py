"""Graphs of AnimateDiff-Evolved in a running ComfyUI: a route that converts them, and a node that ComfyUI replaces."""
