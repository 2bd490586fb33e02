"""Nodes of AnimateDiff-Evolved that ComfyUI itself replaces if that pack is missing.

Only those for which that is safe. ComfyUI drops every value without a mapping and says nothing. A mapped input that is
not in a graph ends its server's request with an error, and so does a renamed input between two replaced nodes. So all
of a node's inputs must always be there, the same, and never lead from or to another replaced node. The menu command
converts all other nodes, and reports what it did.
"""

from comfy_api.latest import ComfyAPI, io

LATENT_INPUTS = ("width", "height", "batch_size")

REPLACEMENTS = (
    io.NodeReplace(
        "EmptyLatentImage",  # by position: the registry takes a keyword for a node of this pack
        "ADE_EmptyLatentImageLarge",
        old_widget_ids=list(LATENT_INPUTS),
        input_mapping=[{"new_id": name, "old_id": name} for name in LATENT_INPUTS],
        output_mapping=[{"new_idx": 0, "old_idx": 0}],
    ),
)


async def register_replacements() -> None:
    for replacement in REPLACEMENTS:
        await ComfyAPI().node_replacement.register(replacement)
