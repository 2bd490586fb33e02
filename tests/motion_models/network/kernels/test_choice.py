"""Where the kernels run, and the plain path that runs everywhere else."""

import logging
import sys
from collections.abc import Iterator
from unittest.mock import patch

import pytest
import torch
from animatediff_xl.motion_models.network.kernels import checks, choice, fused_motion, geglu
from comfy.model_management import InterruptProcessingException
from torch import Tensor

from tests.interpreter import kernels_on_cpu
from tests.motion_models.network.kernels.test_fused_motion import features, small_module

SMALL_CASE = checks.Case(torch.device("cpu"), torch.float16, 8, 2, 2, 2, True, 1, 2, 1)


def no_memory(*args: object, **kw: object) -> None:
    raise torch.cuda.OutOfMemoryError


@pytest.fixture(autouse=True)
def fresh_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    for cached in (choice.say_once, choice.is_suitable):
        cached.cache_clear()
    yield
    for cached in (choice.say_once, choice.is_suitable):
        cached.cache_clear()


def runs_plain(reason: str, caplog: pytest.LogCaptureFixture, dtype: torch.dtype = torch.float32) -> choice.Kernels:
    """Run a module twice. It must give the plain result and log the reason once."""
    module, x = small_module().to(dtype), features(2).to(dtype)
    with torch.no_grad():
        expected = module(x, 2, True)
        with kernels_on_cpu() as switch:
            results = [module(x, 2, True) for _ in range(2)]
    assert all(torch.equal(result, expected) for result in results)
    assert not switch.has_run
    logged = [record.getMessage() for record in caplog.records if "kernels" in record.getMessage()]
    assert len(logged) == bool(reason)
    assert all("kernels are off" in line and reason in line for line in logged)
    return switch


def test_kernels_are_off_without_triton(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    for name in [name for name in sys.modules if ".network.kernels." in name and not name.endswith("choice")]:
        monkeypatch.delitem(sys.modules, name)
    runs_plain("triton", caplog)


def test_kernels_are_off_after_an_error_of_the_compiler(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **kw: object) -> None:
        raise RuntimeError("no C compiler\n  in PATH")

    monkeypatch.setattr(geglu, "launch", broken)
    switch = runs_plain("RuntimeError: no C compiler in PATH", caplog)
    assert switch.failure


def test_kernels_are_off_if_a_self_check_disagrees(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(x: Tensor) -> Tensor:
        return x[..., : x.shape[-1] // 2]

    check = checks.check.__wrapped__
    check(SMALL_CASE)
    monkeypatch.setattr(checks, "geglu", wrong)
    with pytest.raises(checks.DisagreementError, match="GEGLU differs by"):
        check(SMALL_CASE)
    monkeypatch.setattr(fused_motion, "fused_motion", lambda *args: check(SMALL_CASE))
    runs_plain("DisagreementError: GEGLU differs by", caplog)


def test_not_a_number_fails_a_self_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "geglu", lambda x: x[..., : x.shape[-1] // 2] * float("nan"))
    with pytest.raises(checks.DisagreementError):
        checks.check.__wrapped__(SMALL_CASE)


def test_a_variable_switches_kernels_off(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv(choice.VARIABLE, "off")
    runs_plain("ANIMATEDIFF_XL_KERNELS is set to off", caplog)


def test_kernels_that_run_say_so_once(caplog: pytest.LogCaptureFixture) -> None:
    module, x = small_module(), features(1, 1, 1, 1)
    with torch.no_grad(), kernels_on_cpu() as switch:
        for _ in range(2):
            module(x, 1, False)
    assert switch.has_run
    assert [record.getMessage() for record in caplog.records] == [
        "AnimateDiff XL: fast motion kernels are on (ANIMATEDIFF_XL_KERNELS=off switches them off)."
    ]


def test_first_use_checks_the_kernels_of_the_module() -> None:
    checked: list[checks.Case] = []
    with torch.no_grad(), kernels_on_cpu(), patch.object(checks, "check", checked.append):
        small_module()(features(2, 1, 3), 2, True)
    device, dtype = torch.device("cpu"), torch.float32
    assert checked == [checks.Case(device, dtype, 32, 2, 8, 32, True, *checks.picture_like(1, 3))]


@pytest.mark.parametrize("case", ["gradients", "CPU", "fp32"])
def test_kernels_are_off_where_they_gain_nothing(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = features(2).to(torch.float32 if case == "fp32" else torch.float16)
    switch = choice.Kernels()
    if case != "CPU":
        monkeypatch.setattr(choice, "DEVICES", ("cpu",))
    with torch.set_grad_enabled(case == "gradients"):
        assert not switch.may_run(x)
    monkeypatch.setattr(choice, "DEVICES", ("cpu",))
    with torch.no_grad():
        assert switch.may_run(x.half())


def test_memory_that_runs_out_is_no_failure_of_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geglu, "launch", no_memory)
    with torch.no_grad(), kernels_on_cpu() as switch, pytest.raises(torch.cuda.OutOfMemoryError):
        small_module()(features(2), 2, True)
    assert switch.failure is None


def test_without_memory_for_a_self_check_the_plain_path_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is larger than a small picture. The next call tries again."""
    module, x = small_module(), features(2)
    with torch.no_grad():
        expected = module(x, 2, True)
        with kernels_on_cpu() as switch:
            with monkeypatch.context() as patched:
                patched.setattr(checks, "check", no_memory)
                assert torch.equal(module(x, 2, True), expected)
            assert not switch.has_run and switch.failure is None
            module(x, 2, True)
            assert switch.has_run


def test_an_interrupt_is_no_failure_of_a_kernel() -> None:
    """In ComfyUI 0.16.3 it is an Exception."""

    def stopped(*_: object) -> None:
        raise InterruptProcessingException

    module = small_module()
    module.temporal_transformer.proj_out.register_forward_pre_hook(stopped)
    with torch.no_grad(), kernels_on_cpu() as switch, pytest.raises(InterruptProcessingException):
        module(features(2), 2, True)
    assert switch.failure is None


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, torch.cuda.OutOfMemoryError])
def test_no_layer_keeps_weights_after_an_error(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = small_module(), features(2)
    holders = module.temporal_transformer.weight_holders

    def fails(*_: object) -> None:
        assert all(layer.held is not None for layer in holders)
        raise error

    hook = module.temporal_transformer.proj_out.register_forward_pre_hook(fails)
    with torch.no_grad(), kernels_on_cpu(), pytest.raises(error):
        module(x, 2, True)
    assert all(layer.held is None for layer in holders)
    hook.remove()
