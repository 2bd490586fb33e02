"""Converts graphs of AnimateDiff-Evolved to nodes of this pack and of ComfyUI. It needs only the JSON of a graph."""
