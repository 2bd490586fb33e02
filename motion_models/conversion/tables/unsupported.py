"""Their nodes without a counterpart: what to do. By the beginnings of class names; the longest that fits counts."""

from ...errors import sentence

UNKNOWN_ADVICE = sentence("See what it did in AnimateDiff-Evolved's documentation, and set it by hand.")

ADVICE: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        sentence("PIA needs AnimateDiff-Evolved. To make a picture move here, use AnimateDiff Pictures in Clip."),
        ("ADE_ApplyAnimateDiffModelWithPIA", "ADE_InputPIA", "ADE_PIA", "ADE_InjectPIA"),
    ),
    (
        sentence("AnimateLCM-I2V needs AnimateDiff-Evolved. To make a picture move, use AnimateDiff Pictures in Clip."),
        ("ADE_ApplyAnimateLCMI2V", "ADE_LoadAnimateLCMI2V", "ADE_InjectI2V"),
    ),
    (sentence("Use ComfyUI's Upscale Image and VAE Encode."), ("ADE_UpscaleAndVAEEncode",)),
    (
        sentence("CameraCtrl needs AnimateDiff-Evolved. For camera moves here, use Load AnimateDiff Motion LoRA."),
        (
            "ADE_ApplyAnimateDiffModelWithCameraCtrl",
            "ADE_LoadAnimateDiffModelWithCameraCtrl",
            "ADE_CameraCtrl",
            "ADE_LoadCameraPoses",
            "ADE_Camera",
            "ADE_ReplaceCameraParameters",
            "ADE_ReplaceOriginalPoseAspectRatio",
        ),
    ),
    (
        sentence("Choose with windows_in of AnimateDiff Context Windows whether the model or its motion has windows."),
        ("ADE_StandardStaticView", "ADE_StandardUniformView", "ADE_LoopedUniformView", "ADE_ViewsOnly"),
    ),
    (
        sentence("Set reference_weight on AnimateDiff Context Windows: all windows then look like one frame."),
        ("ADE_ContextExtras_ContextRef", "ADE_ContextExtras_Set"),
    ),
    (
        sentence("If windows look unlike each other, use more overlap or freenoise on AnimateDiff Context Windows."),
        ("ADE_ContextExtras",),
    ),
    (
        sentence("Layers of noise have no counterpart. AnimateDiff Clip Noise shares noise between frames."),
        ("ADE_NoiseLayer",),
    ),
    (
        sentence("Set the strength on Apply AnimateDiff Motion Model. AnimateDiff Motion Options has more settings."),
        (
            "ADE_AnimateDiffSettings",
            "ADE_AnimateDiffModelSettings",
            "ADE_Adjust",
            "ADE_PerBlock",
            "ADE_ADBlock",
        ),
    ),
    (
        sentence("Sampling in several rounds has no counterpart here. AnimateDiff Motion Options has FreeInit."),
        ("ADE_IterationOpts",),
    ),
    (
        sentence("Choose a beta schedule on Apply AnimateDiff Motion Model."),
        ("ADE_SigmaSchedule", "ADE_RawSigmaSchedule"),
    ),
    (sentence("Use ComfyUI's Basic Scheduler with the MODEL."), ("ADE_SigmaScheduleToSigmas",)),
    (
        sentence("To put a picture into a clip, use AnimateDiff Pictures in Clip."),
        ("ADE_NoisedImageInject",),
    ),
    (sentence("Set the noise on the sampler."), ("ADE_AncestralOptions",)),
    (sentence("Write an AnimateDiff Strength Schedule by hand."), ("ADE_CustomCFGKeyframeFromList",)),
    (
        sentence("Use AnimateDiff Strength Schedule where a strength is meant, or a node of another pack."),
        ("ADE_ValueScheduling", "ADE_FloatToFloats", "ADE_ValuesReplace"),
    ),
    (
        sentence("Connect the mask or the number itself to Apply AnimateDiff Motion Model."),
        ("ADE_Multival",),
    ),
    (
        sentence("Use ComfyUI's Create Hook Keyframes From Floats, with a list of type FLOATS."),
        ("ADE_LoraHookKeyframeFromStrengthList",),
    ),
    (
        sentence("Encode that prompt with ComfyUI's CLIP Text Encode."),
        ("ADE_ConditionExtraction",),
    ),
    (
        sentence("Connect it to a node that samples, then convert again."),
        (
            "ADE_ApplyAnimateDiffModel",
            "ADE_LoadAnimateDiffModel",
            "ADE_AnimateDiffLoRALoader",
            "ADE_AnimateDiffKeyframe",
            "ADE_AnimateDiffSamplingSettings",
            "ADE_CustomCFG",
            "ADE_CFGExtras",
            "ADE_StandardStaticContext",
            "ADE_StandardUniformContext",
            "ADE_LoopedUniformContext",
            "ADE_BatchedContext",
            "ADE_AnimateDiffUniformContext",
        ),
    ),
)


def advice_for(kind: str) -> str:
    fitting = [(len(start), advice) for advice, starts in ADVICE for start in starts if kind.startswith(start)]
    return max(fitting)[1] if fitting else UNKNOWN_ADVICE
