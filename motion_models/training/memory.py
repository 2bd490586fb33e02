"""The memory of a training, counted before its first step.

The real networks take a step on torch's meta device, whose tensors have sizes and no numbers. So the count knows every
layer, hook, precision and kind of checkpointing. It takes one or two seconds for SDXL.
"""

import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from .. import host
from ..errors import sentence
from .engine import TrainingSettings

GB = 2**30
"""As graphics cards are sold."""

LESS_MEMORY = ("off", "on", "on, in pieces")
"""The kinds of checkpointing. Each usually needs less memory than the one before."""


@dataclass(frozen=True)
class Layout:
    """What a tensor on the meta device consists of."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype

    def new(self) -> Tensor:
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device="meta")


def layout_of(tensor: Tensor) -> Layout:
    return Layout(tensor.shape, tensor.stride(), tensor.dtype)


def hashable(argument: Any) -> Any:
    """An argument of an operation, with a layout in place of each tensor."""
    if isinstance(argument, list | tuple):
        return tuple(map(hashable, argument))
    return layout_of(argument) if isinstance(argument, Tensor) else argument


def storages(*values: Any) -> dict[int, torch.UntypedStorage]:
    """The memory of the tensors in nested values, by its id."""
    found = (leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, Tensor))
    return {id(storage): storage for storage in found}


class MetaBytes(TorchDispatchMode):
    """Counts the bytes of live tensors that operations on the meta device make. known: tensors that do not count."""

    def __init__(self, known: Iterable[Tensor]):
        super().__init__()
        self.now = self.peak = 0
        self.live: dict[int, Any] = dict(storages(*known))
        """The storages of known tensors, and weak references to those of others."""
        self.results: dict[Any, Any] = {}
        """Layouts of results, by the operation and the layouts of its arguments. A new result takes torch longer."""

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        key = (operation, *map(hashable, args), *map(hashable, (kwargs or {}).items()))
        if key in self.results:
            result = tree_map_only(Layout, Layout.new, self.results[key])
        else:
            result = operation(*args, **(kwargs or {}))
            if storages(result).keys().isdisjoint(storages(args, kwargs)):  # not a view of an argument
                self.results[key] = tree_map_only(Tensor, layout_of, result)
        for identity, storage in storages(result).items():
            if identity not in self.live:
                self.add(identity, storage)
        return result

    def add(self, identity: int, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()

        def on_freed(_: Any) -> None:
            self.now -= size
            del self.live[identity]

        self.live[identity] = weakref.ref(storage, on_freed)
        self.now += size
        self.peak = max(self.peak, self.now)


class Step(nn.Module):
    """A forward and a backward pass. networks: all whose weights take part in `call`."""

    def __init__(self, networks: Sequence[nn.Module], call: Callable[[], Tensor]):
        super().__init__()
        self.networks, self.call = nn.ModuleList(networks), call

    def forward(self) -> None:
        self.call().float().square().mean().backward()


def training_bytes(
    networks: Sequence[nn.Module], trained: nn.Module, settings: TrainingSettings, call: Callable[[], Tensor]
) -> int:
    """The peak of the bytes of a training, with all weights.

    networks: the UNet and the motion model. trained: what is trained, which may be one of them.
    call: runs the UNet on meta tensors. All hooks of the training are open.
    """
    step = Step(list(dict.fromkeys([*networks, trained])), call)  # each once, or torch would not put its weights back
    weights = dict(step.named_parameters()) | dict(step.named_buffers())
    on_meta = {
        name: torch.empty(weight.shape, dtype=weight.dtype, device="meta", requires_grad=weight.requires_grad)
        for name, weight in weights.items()
    }
    with MetaBytes(on_meta.values()) as count:
        functional_call(step, on_meta, ())
    learned = sum(weight.nbytes for weight in trained.parameters() if weight.requires_grad)
    moments = 2 + (settings.average_decay is not None)  # AdamW's, and the averaged weights
    # the gradients are in the count, but those of an earlier clip of the same step are not
    passes = count.peak + (learned if settings.clips_per_step > 1 else 0)
    update = 2 * learned  # the gradients, and the root of the second moments that AdamW makes of all weights at once
    return sum(weight.nbytes for weight in weights.values()) + moments * learned + max(passes, update)


def memory_report(bytes_with: Callable[[str], int], checkpointing: str, available: float, frames_matter: bool) -> str:
    """What memory a training needs, and if that is more than there is, which setting brings it down.

    bytes_with: the bytes of the training with a kind of checkpointing.
    frames_matter: whether a step takes all frames of a clip.
    """
    needed = bytes_with(checkpointing)
    report = sentence(
        "The training needs about {needed} GB of memory, and {available} GB are available.",
        needed=in_gb(needed),
        available=in_gb(available),
    )
    if needed <= available:
        return report
    kinds = LESS_MEMORY[LESS_MEMORY.index(checkpointing) :]
    need_of = {kind: bytes_with(kind) for kind in kinds}
    least = min(kinds, key=need_of.__getitem__)
    setting = next((kind for kind in kinds if need_of[kind] <= available), least)
    values = {"setting": setting, "reduced": in_gb(need_of[setting])}
    if need_of[setting] <= available:
        advice = sentence(
            "It may run out of memory: set checkpointing to '{setting}', which needs about {reduced} GB.", **values
        )
    elif frames_matter:
        advice = sentence(
            "Even with checkpointing '{setting}' it needs about {reduced} GB: encode clips with fewer frames, or with "
            "a smaller width and height.",
            **values,
        )
    else:
        advice = sentence(
            "Even with checkpointing '{setting}' it needs about {reduced} GB: encode clips with a smaller width and "
            "height.",
            **values,
        )
    return f"{report}\n{advice}"


def use_report(device: torch.device) -> list[str]:
    """A sentence about the memory in use on a device, or nothing if that is not known."""
    used = host.memory_in_use(device)
    return [] if used is None else [sentence("{used} GB of memory are in use.", used=in_gb(used))]


def in_gb(count: float) -> str:
    return f"{count / GB:.1f}"
