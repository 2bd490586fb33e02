"""Their choices, and the nearest of ours."""

AUTO, KEEP = "auto", "keep the model's"

BETA_SCHEDULES: dict[str, tuple[str, bool]] = {
    "autoselect": (AUTO, True),
    "use existing": (KEEP, True),
    "sqrt_linear (AnimateDiff)": ("AnimateDiff SD1.5", True),
    "sqrt_linear": ("AnimateDiff SD1.5", True),
    "linear (AnimateDiff-SDXL)": ("AnimateDiff SDXL", True),
    "linear (HotshotXL/default)": ("SDXL", True),
    "linear": ("SDXL", True),
    "avg(sqrt_linear,linear)": ("AnimateDiff SD1.5", False),
    # ComfyUI's "linear" betas there, and another number of steps; AnimateLCM's authors have these betas with 100 steps
    "lcm": ("AnimateLCM", False),
    "lcm[100_ots]": ("AnimateLCM", False),
    "lcm[25_ots]": ("AnimateLCM", False),
    "lcm >> sqrt_linear": ("AnimateLCM", False),
    "lcm avg(sqrt_linear,linear)": ("AnimateLCM", False),
    "sqrt": (AUTO, False),
    "cosine": (AUTO, False),
    "squaredcos_cap_v2": (AUTO, False),
}
"""Our beta schedule, and whether it is the same."""

FUSE_METHODS = ("pyramid", "flat", "overlap-linear", "relative")
"""The same in both packs. Their others become the first."""

CONTEXT_SCHEDULES = {
    "ADE_StandardStaticContextOptions": "standard_static",
    "ADE_StandardUniformContextOptions": "standard_uniform",
    "ADE_LoopedUniformContextOptions": "looped_uniform",
    "ADE_AnimateDiffUniformContextOptions": "looped_uniform",
    "ADE_AnimateDiffLoaderV1Advanced": "looped_uniform",
    "ADE_BatchedContextOptions": "batched",
    "ADE_StandardStaticViewOptions": "standard_static",
    "ADE_StandardUniformViewOptions": "standard_uniform",
    "ADE_LoopedUniformViewOptions": "looped_uniform",
}
"""Our window schedules by their nodes. Views are windows inside the motion modules."""

STEPS = {
    "KSampler": ("steps", 2),
    "KSamplerAdvanced": ("steps", 3),
    "BasicScheduler": ("steps", 1),
    "KarrasScheduler": ("steps", 0),
    "AlignYourStepsScheduler": ("steps", 1),
}
"""The widget with the number of steps, and its position, of nodes that come after a MODEL."""

CFG = {"KSampler": ("cfg", 3), "KSamplerAdvanced": ("cfg", 4), "CFGGuider": ("cfg", 0), "SamplerCustom": ("cfg", 3)}
"""The widget with cfg, and its position, of nodes that come after a MODEL."""

FRAMES = {
    "EmptyLatentImage": ("batch_size", 2),
    "ADE_EmptyLatentImageLarge": ("batch_size", 2),
    "ADXL_EmptyLatentFrames": ("frames", 2),
    "RepeatLatentBatch": ("amount", 0),
}
"""The widget with the number of frames, and its position, of nodes that make latents."""

MODEL_INPUTS = ("model",)
LATENT_INPUTS = ("latent", "latents", "samples", "latent_image")
"""Names of the inputs that a node passes on."""

MOST_STRENGTH = 10.0
"""Of Apply AnimateDiff Motion Model and Load AnimateDiff Motion LoRA."""
MOST_CFG = 100.0
"""Of ComfyUI's samplers."""

MOST_SHARPNESS, LEAST_STRETCH, MOST_STRETCH, MOST_ROUNDS = 4.0, 0.25, 8.0, 10
"""Of Motion Options."""
