"""Other nodes work the same on a MODEL with motion.

Every case runs twice. With motion modules of zero output, the result must be bit for bit that of the other node alone.
With real ones it must differ; otherwise the motion is lost.
"""

import comfy.cldm.cldm
import comfy.controlnet
import comfy.hooks
import comfy.ops
import comfy.samplers
import comfy.supported_models
import comfy.t2i_adapter.adapter
import pytest
import torch
from comfy_extras.nodes_context_windows import ContextWindowsManualNode
from comfy_extras.nodes_custom_sampler import Guider_DualCFG
from comfy_extras.nodes_freelunch import FreeU_V2
from comfy_extras.nodes_model_advanced import ModelComputeDtype, ModelSamplingDiscrete
from comfy_extras.nodes_pag import PerturbedAttentionGuidance
from comfy_extras.nodes_perpneg import Guider_PerpNeg

from tests.sampling import FRAMES, guided, sample, start_noise
from tests.small import HOST_CONFIG, conditioning, host_model, random_vectors, with_input_channels, with_parameters


def check(plain, still, moving, run=sample) -> None:
    """The three MODELs differ only in motion: none, motion modules with zero output, and real ones."""
    expected = run(plain)
    assert torch.isfinite(expected).all()
    assert torch.equal(run(still), expected)
    assert not torch.allclose(run(moving), expected, atol=1e-3)


@pytest.fixture
def trio(pair, still, animate):
    return pair.model, animate(pair.model, still), animate(pair.model)


SAMPLERS = ("euler", "heun", "dpmpp_2s_ancestral", "dpmpp_2m_sde", "lcm", "uni_pc", "ddim")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_motion_works_with_any_sampler(trio, sampler: str) -> None:
    check(*trio, lambda model: sample(model, sampler=sampler))


def test_motion_works_without_guidance(trio) -> None:
    check(*trio, lambda model: sample(model, cfg=1.0))


def test_motion_works_with_conditions_that_cannot_be_batched(trio) -> None:
    """Texts of different length go through the UNet one after the other."""
    check(*trio, lambda model: sample(model, negative=conditioning(2, tokens=14 * 11)))


def test_one_or_two_batches_give_the_same_clip(trio, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, moving = trio
    together = sample(moving)
    monkeypatch.setattr(type(moving), "get_free_memory", lambda *_: 0)
    assert torch.allclose(sample(moving), together, atol=1e-5)


def test_motion_works_with_several_conditions(trio) -> None:
    check(*trio, lambda model: sample(model, positive=conditioning(1) + conditioning(5)))


def test_motion_works_with_area_conditions(trio) -> None:
    """The host runs the part as a smaller picture, with all frames."""
    part = conditioning(5)
    part[0][1]["area"] = (4, 8, 0, 0)
    check(*trio, lambda model: sample(model, positive=conditioning(1) + part))


def dual_cfg(model) -> torch.Tensor:
    guider = Guider_DualCFG(model)
    guider.set_conds(conditioning(1), conditioning(5), conditioning(2))
    guider.set_cfg(4.0, 2.0)
    return guided(guider)


def perp_neg(model) -> torch.Tensor:
    guider = Guider_PerpNeg(model)
    guider.set_conds(conditioning(1), conditioning(2), conditioning(5))
    guider.set_cfg(4.0, 1.0)
    return guided(guider)


def basic(model) -> torch.Tensor:
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(conditioning(1), conditioning(2))
    guider.set_cfg(4.0)
    return guided(guider)


@pytest.mark.parametrize("run", [dual_cfg, perp_neg, basic])
def test_motion_works_with_any_guider(trio, run) -> None:
    check(*trio, run)


def node_result(node, *args):
    """The result of a node of the host, in the old or the new form of nodes."""
    made = node.execute(*args) if hasattr(node, "execute") else node().patch(*args)
    return made[0]


NODES = {
    "FreeU": (FreeU_V2, 1.3, 1.4, 0.9, 0.2),
    "PAG": (PerturbedAttentionGuidance, 3.0),
    "half precision": (ModelComputeDtype, "bf16"),
    "v prediction": (ModelSamplingDiscrete, "v_prediction", False),
    "zero terminal SNR": (ModelSamplingDiscrete, "v_prediction", True),
}


@pytest.mark.parametrize("before", [True, False], ids=["before motion", "after motion"])
@pytest.mark.parametrize("name", NODES)
def test_motion_works_with_model_patches_of_other_nodes(pair, still, animate, name: str, before: bool) -> None:
    node, *values = NODES[name]
    # a new MODEL, because clones of one would get the sigmas of the previous node (Comfy-Org/ComfyUI issue 16490)
    model = host_model(pair.model.model.diffusion_model.state_dict())
    patched = node_result(node, model, *values)
    if before:
        check(patched, animate(patched, still), animate(patched))
    else:
        animated = [node_result(node, animate(model, *file), *values) for file in ((still,), ())]
        check(patched, *animated)


@pytest.mark.parametrize("kind", ["sampler_pre_cfg_function", "sampler_post_cfg_function"])
def test_cfg_patches_are_called_as_often_as_without_motion(trio, kind: str) -> None:
    counts = []
    for model in trio:
        calls = []
        model = model.clone()

        def patch(args, calls=calls):
            calls.append(1)
            return args["conds_out"] if "conds_out" in args else args["denoised"]

        model.model_options[kind] = [patch]
        sample(model)
        counts.append(len(calls))
    assert counts == [2, 2, 2]


def image_lora(model) -> dict[str, torch.Tensor]:
    """Random patches for some layers of the UNet, as a LoRA loader returns them."""
    generator = torch.Generator().manual_seed(11)
    patches = {}
    for key, weight in model.model.state_dict().items():
        if key.endswith("attn1.to_q.weight"):
            width = weight.shape[0]
            patches[key] = ("diff", (0.1 * torch.randn(width, weight.shape[1], generator=generator),))
    return patches


def with_lora(model):
    patched = model.clone()
    assert patched.add_patches(image_lora(model), 1.0)
    return patched


def test_motion_works_with_an_image_lora_in_either_order(pair, still, animate) -> None:
    plain = with_lora(pair.model)
    check(plain, animate(plain, still), animate(plain))
    check(plain, with_lora(animate(pair.model, still)), with_lora(animate(pair.model)))
    assert torch.equal(sample(with_lora(animate(pair.model))), sample(animate(plain)))


def test_motion_works_with_a_lora_as_weight_hook(trio) -> None:
    """Conditions with hooks run in separate model calls with other weights."""
    hooks = comfy.hooks.HookGroup()
    hook = comfy.hooks.WeightHook(strength_model=1.0, strength_clip=0.0)
    hook.need_weight_init = False
    hook.weights = image_lora(trio[0])
    hooks.add(hook)
    positive = conditioning(1)
    positive[0][1]["hooks"] = hooks
    check(*trio, lambda model: sample(model, positive=positive))
    assert not torch.equal(sample(trio[2], positive=positive), sample(trio[2]))


def test_clones_give_the_same_result(trio) -> None:
    _, _, moving = trio
    assert torch.equal(sample(moving.clone().clone()), sample(moving))


def controlled(control: comfy.controlnet.ControlBase) -> dict:
    hint = torch.rand(FRAMES, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    conditions = {}
    for name, seed in (("positive", 1), ("negative", 2)):
        applied = conditioning(seed)
        applied[0][1] |= {"control": control, "control_apply_to_uncond": False}
        conditions[name] = applied
    control.set_cond_hint(hint, 1.0, (0.0, 1.0))
    return conditions


def control_net() -> comfy.controlnet.ControlNet:
    torch.manual_seed(2)
    config = {
        key: value for key, value in HOST_CONFIG.items() if key not in ("out_channels", "transformer_depth_output")
    }
    config |= {"hint_channels": 3, "dtype": torch.float32, "num_head_channels": 16}
    network = comfy.cldm.cldm.ControlNet(**config, operations=comfy.ops.disable_weight_init, device="cpu")
    return comfy.controlnet.ControlNet(with_parameters(network), load_device=torch.device("cpu"))


def t2i_adapter() -> comfy.controlnet.T2IAdapter:
    torch.manual_seed(2)
    adapter = comfy.t2i_adapter.adapter.Adapter(
        cin=3 * 16**2, channels=[32, 64, 128, 128], nums_rb=2, ksize=1, sk=True, use_conv=False, xl=True
    )
    random_vectors(adapter)
    return comfy.controlnet.T2IAdapter(adapter, 3, 8, "nearest-exact", device=torch.device("cpu"))


@pytest.mark.parametrize("make", [control_net, t2i_adapter])
def test_motion_works_with_controlnet_and_t2i_adapter(trio, make) -> None:
    conditions = controlled(make())
    check(*trio, lambda model: sample(model, **conditions))
    assert not torch.equal(sample(trio[2], **conditions), sample(trio[2]))


VARIANTS = {
    "inpaint": (comfy.supported_models.SDXL, 9),
    "instruct-pix2pix": (comfy.supported_models.SDXL_instructpix2pix, 8),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_motion_works_with_variants_of_sdxl(pair, still, animate, variant: str) -> None:
    kind, channels = VARIANTS[variant]
    weights = with_input_channels(pair.model.model.diffusion_model.state_dict(), channels)
    model = host_model(weights, kind, in_channels=channels)
    picture = start_noise(1, seed=23)
    conditions = {}
    for name, seed in (("positive", 1), ("negative", 2)):
        conditions[name] = conditioning(seed)
        conditions[name][0][1]["concat_latent_image"] = picture
        if channels == 9:
            conditions[name][0][1]["concat_mask"] = torch.ones(1, 1, 64, 64)
    check(model, animate(model, still), animate(model), lambda each: sample(each, **conditions))


PRECISIONS = {
    "fp16 stored, fp32 computed": (torch.float16, torch.float32, torch.float32),
    "bf16": (torch.bfloat16, None, torch.bfloat16),
    "fp8 stored, bf16 computed": (torch.float8_e4m3fn, torch.bfloat16, torch.bfloat16),
}


@pytest.mark.parametrize("name", PRECISIONS)
def test_motion_has_the_precision_of_its_model(pair, still, animate, name: str) -> None:
    stored, compute, expected = PRECISIONS[name]
    model = host_model(pair.model.model.diffusion_model.state_dict(), dtype=stored, compute=compute)
    animated = animate(model)
    (motion,) = animated.get_additional_models()
    assert {weight.dtype for weight in motion.model.parameters()} == {expected}
    check(model, animate(model, still), animated)


def test_motion_works_with_the_hosts_context_windows(trio) -> None:
    names = {field.id for field in ContextWindowsManualNode.define_schema().inputs}
    settings = {
        "context_length": 4, "context_overlap": 2, "context_schedule": "standard_static", "context_stride": 1,
        "closed_loop": False, "fuse_method": "pyramid", "dim": 0, "freenoise": False, "cond_retain_index_list": "",
        "split_conds_to_windows": False, "latent_retain_index_list": "", "causal_window_fix": True,
    }  # fmt: skip
    settings = {name: value for name, value in settings.items() if name in names}
    windowed = [ContextWindowsManualNode.execute(model=model, **settings)[0] for model in trio]
    check(*windowed, lambda model: sample(model, noise=start_noise(10)))
