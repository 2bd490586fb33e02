"""Counts the tensors that operations read, write and copy."""

import weakref
from dataclasses import dataclass

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

NO_WORK = ("aten.empty", "aten._unsafe_view", "aten.set_")


@dataclass(frozen=True)
class Write:
    operation: str
    elements: int
    is_new: bool
    """Whether the memory was allocated for it. Otherwise it is written over an argument."""
    bytes_moved: int
    """Read and written."""


class Writes(TorchDispatchMode):
    """Records the tensors that operations write, new or in place. Views do not count.

    In inference mode torch dispatches composite operations whole; without gradients it dispatches their parts.
    """

    def __init__(self):
        super().__init__()
        self.seen: list[Write] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        written = tensors_of(result)
        given = {tensor.untyped_storage().data_ptr() for tensor in tensors_of([args, kwargs])}
        is_new = not any(tensor.untyped_storage().data_ptr() in given for tensor in written)
        returned = [alias.alias_info for alias in function._schema.returns]
        # `flatten` and the like copy only if they must
        is_view = not is_new and all(alias is not None and not alias.is_write for alias in returned)
        if not is_view and not str(function).startswith(NO_WORK):
            moved = sum(tensor.nbytes for tensor in tensors_of(args) + written)
            self.seen.append(Write(str(function), sum(tensor.numel() for tensor in written), is_new, moved))
        return result

    def of_size(self, elements: int) -> list[str]:
        """Operations that wrote at least so many elements."""
        return [write.operation for write in self.seen if write.elements >= elements]


def tensors_of(something: object) -> list[Tensor]:
    """The tensors in a list of arguments, or in the result of an operation."""
    return [leaf for leaf in tree_leaves(something) if isinstance(leaf, Tensor)]


class PeakElements(TorchDispatchMode):
    """Records the peak number of elements in live tensors that were created while it is active."""

    def __init__(self):
        super().__init__()
        self.sizes = WeakIdKeyDictionary()
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tensors_of(result):
            storage = tensor.untyped_storage()
            if storage not in self.sizes:
                self.sizes[storage] = storage.nbytes() // tensor.element_size()
                self.peak = max(self.peak, sum(self.sizes.values()))
        return result


class PeakBytes(TorchDispatchMode):
    """Records the bytes in live tensors that were created while it is active, now and at the peak."""

    def __init__(self):
        super().__init__()
        self.live = {}
        """Weak references to storages, by their ids."""
        self.now = self.peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = {id(tensor.untyped_storage()) for tensor in tensors_of([args, kwargs])}
        for storage in (tensor.untyped_storage() for tensor in tensors_of(result)):
            if id(storage) not in self.live and id(storage) not in given:
                self.add(storage, id(storage), storage.nbytes())
        return result

    def add(self, storage, key, size):
        def on_freed(_):
            self.now -= size
            del self.live[key]

        self.live[key] = weakref.ref(storage, on_freed)
        self.now += size
        self.peak = max(self.peak, self.now)


class Crossings(TorchDispatchMode):
    """Records operations that copy between devices or read a number from a device. On a GPU both wait."""

    ASKED = "aten.item.default"
    """Its name in inference mode."""

    def __init__(self):
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        sources = {tensor.device for tensor in tensors_of([args, kwargs])}
        targets = {tensor.device for tensor in tensors_of(result)}
        if str(function) == self.ASKED or sources and targets - sources:
            self.seen.append(str(function))
        return result
