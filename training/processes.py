"""One training run in several processes, as torchrun starts them; alone, everything here does nothing."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

T = TypeVar("T")

_PATIENCE = timedelta(days=2)  # the others wait while the leading process decodes the videos


@dataclass(frozen=True)
class Group:
    """The processes of a run, and which of them this is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes files and shows progress."""
        return self.rank == 0


@contextmanager
def joined(device: torch.device) -> Iterator[Group]:
    """Meet the other processes of a run that torchrun started."""
    if "WORLD_SIZE" not in os.environ:
        yield Group()
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)  # by way of which NCCL sends Python objects
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Group(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def local_device(name: str | None) -> torch.device:
    """The device of this process: the one named, or its own GPU where there is one, else the CPU."""
    if name in (None, "cuda") and torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device(name or "cpu")


def gather(tensor: Tensor, dim: int = 0) -> Tensor:
    """Join what all processes hold along a dimension; gradients reach the part that is this process's own."""
    if not distributed.is_initialized():
        return tensor
    own = tensor.detach().contiguous()
    parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, own)
    parts[distributed.get_rank()] = tensor
    return torch.cat(parts, dim)


def sum_gradients(module: nn.Module) -> None:
    """Add up what all processes found, each for its own part; unlike DDP it lets weights be unused."""
    if not distributed.is_initialized():
        return
    for weight in module.parameters():
        if weight.grad is not None:
            distributed.all_reduce(weight.grad)


def made_once(make: Callable[[], T], group: Group) -> T:
    """What the leading process makes, in all processes; it has to be picklable."""
    if group.size == 1:
        return make()
    made = [make() if group.leads else None]
    distributed.broadcast_object_list(made)
    assert made[0] is not None
    return made[0]


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if distributed.is_initialized():
        distributed.barrier()
