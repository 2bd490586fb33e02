"""Their nodes around the sampling: latents, checkpoints, pictures of windows, and the saving of clips."""

from ...errors import sentence
from ..formats.graph import Output
from ..reading.their_node import Conversion, TheirNode, limited, title
from .context import context_options
from .guidance import changed_guidance

SAVE_WEBP, CREATE_VIDEO, SAVE_VIDEO, PREVIEW = "SaveAnimatedWEBP", "CreateVideo", "SaveVideo", "PreviewImage"
PLAN = "ADXL_WindowPlan"
LATENTS, CHECKPOINT = "EmptyLatentImage", "CheckpointLoaderSimple"
APPLY = "ADXL_ApplyMotionModel"
MOST_LATENTS = 4096
SAVED_VIDEO_FPS = 120.0


def convert_latents(conversion: Conversion, node: TheirNode) -> None:
    made = conversion.make(
        LATENTS,
        node.id,
        node.state,
        width=node.field("width"),
        height=node.field("height"),
        batch_size=limited(node, "batch_size", node.field("batch_size"), 1, MOST_LATENTS),
    )
    node.became(LATENTS)
    conversion.graph.redirect(Output(node.id, 0), made)


def convert_checkpoint(conversion: Conversion, node: TheirNode) -> None:
    made = conversion.make(CHECKPOINT, node.id, node.state, ckpt_name=node.field("ckpt_name"))
    node.became(CHECKPOINT)
    beta_schedule = node.number("beta_schedule")
    if beta_schedule != "use existing":
        node.add(
            sentence(
                "Its beta schedule {their_value} is used only where it was used before: with 'use existing'.",
                their_value=beta_schedule,
            ),
            sentence("For a MODEL without motion, use ComfyUI's ModelSamplingDiscrete."),
        )
    if node.number("use_custom_scale_factor"):
        node.add(
            sentence("Its scale factor of latents has no counterpart: the checkpoint's own is used."),
            sentence("Compare the colours of the clip."),
        )
    for slot in range(3):
        conversion.graph.redirect(Output(node.id, slot), Output(made.node, slot))


def convert_unload(conversion: Conversion, node: TheirNode) -> None:
    """Our nodes leave their input MODEL as it was, so that nothing has to be taken away."""
    conversion.done.add(node.id)
    node.add(
        sentence("It was left out: its MODEL is passed on, with its motion."),
        sentence("Connect the MODEL from before {node} where you want no motion.", node=title(APPLY)),
    )
    conversion.graph.redirect(Output(node.id, 0), node.link("model"))


def convert_plan(conversion: Conversion, node: TheirNode) -> None:
    """A picture of windows."""
    context = context_options(conversion, node.link("context_opts"), PLAN)
    settings = context[1] if context else {"model": node.link("model")}
    values = node.values()
    made = conversion.make(
        PLAN, node.id, node.state, frames=node.field("latents_length"), steps=values.get("steps"), **settings
    )
    node.became(PLAN)
    conversion.graph.redirect(Output(node.id, 0), made)


def convert_guidance(conversion: Conversion, node: TheirNode) -> None:
    conversion.graph.redirect(Output(node.id, 0), changed_guidance(conversion, node, node.link("model")))


def convert_saving(conversion: Conversion, node: TheirNode) -> None:
    """A node that saves a clip: ComfyUI's own, by the format."""
    values, images = node.values(), node.link("images")
    fps = float(limited(node, "frame_rate", values["frame_rate"], 1, SAVED_VIDEO_FPS))
    prefix = node.field("filename_prefix")
    if not values["save_image"]:
        conversion.make(PREVIEW, node.id, node.state, images=images)
        node.became(PREVIEW)
    elif values["format"].startswith("video/"):
        video = conversion.make(CREATE_VIDEO, node.id, node.state, images=images, fps=fps)
        conversion.make(SAVE_VIDEO, node.id, node.state, video=video, filename_prefix=prefix)
        node.became(SAVE_VIDEO)
    else:
        conversion.make(SAVE_WEBP, node.id, node.state, images=images, fps=fps, filename_prefix=prefix)
        node.became(SAVE_WEBP)
    if values["pingpong"]:
        node.add(
            sentence("The clip does not run back and forth any more."),
            sentence("Reverse the frames with another node and join both, or sample a closed loop."),
        )
    if values["loop_count"]:
        node.add(
            sentence("The clip repeats without end."), sentence("Set the number in your video editor if it matters.")
        )
