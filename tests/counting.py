"""What operations do to memory, counted as they run."""

from dataclasses import dataclass

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

NO_WORK = ("aten.empty", "aten._unsafe_view", "aten.set_")


@dataclass(frozen=True)
class Write:
    operation: str
    elements: int


class Writes(TorchDispatchMode):
    """The tensors that operations write, new ones and those in place; views are none."""

    def __init__(self):
        super().__init__()
        self.seen: list[Write] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        returned = [alias.alias_info for alias in function._schema.returns]
        is_view = all(alias is not None and not alias.is_write for alias in returned)
        if not is_view and not str(function).startswith(NO_WORK):
            tensors = result if isinstance(result, list | tuple) else [result]
            elements = sum(tensor.numel() for tensor in tensors if isinstance(tensor, Tensor))
            self.seen.append(Write(str(function), elements))
        return result

    def of_size(self, elements: int) -> list[str]:
        """The operations that wrote at least so much."""
        return [write.operation for write in self.seen if write.elements >= elements]


class PeakElements(TorchDispatchMode):
    """Counts the numbers in living tensors that were made while it is on."""

    def __init__(self):
        super().__init__()
        self.sizes = WeakIdKeyDictionary()
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, list | tuple) else [result]:
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                self.sizes[storage] = storage.nbytes() // tensor.element_size()
        self.peak = max(self.peak, sum(self.sizes.values()))
        return result
