"""The nodes of a training: its clips, its three stages and its preview."""

from . import clips, preview, stages

NODES = [*clips.NODES, *stages.NODES, *preview.NODES]
