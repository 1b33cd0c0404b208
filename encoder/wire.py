"""The way of events from a decoder process to its parent: by pipe, their pictures through memory that both share.

The memory has no name, so nothing of it is left wherever either of them is killed.
"""

import pickle
from collections import deque
from dataclasses import dataclass
from itertools import accumulate, pairwise
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from typing import Any

_SLOTS = 2  # messages that wait to be taken before the sender does
_SLOT_BYTES = 1 << 22  # of pictures in a message; with more it goes by pipe as a whole


@dataclass(frozen=True)
class _Letter:
    event: bytes  # pickled, less its arrays where these lie in a slot
    slot: int | None
    ends: list[int]  # bytes from the start of the slot: of one array after the other


def shared_memory(context: SpawnContext) -> Any:
    """Memory for one sender and one receiver; it can be given to a process that is started, and in no other way."""
    return context.RawArray("B", _SLOTS * _SLOT_BYTES)


class Sender:
    """A decoder's end: sends events and gets jobs."""

    def __init__(self, pipe: Connection, memory: Any) -> None:
        self._pipe, self._memory, self._free = pipe, memoryview(memory).cast("B"), deque(range(_SLOTS))

    def send(self, event: object) -> None:
        """Send an event, waiting until there is room for it."""
        arrays: list[pickle.PickleBuffer] = []
        data = pickle.dumps(event, protocol=5, buffer_callback=arrays.append)
        ends = list(accumulate(array.raw().nbytes for array in arrays))
        if not arrays or ends[-1] > _SLOT_BYTES:
            self._pipe.send(_Letter(pickle.dumps(event), None, []))
            return
        while not self._free:
            self._free.append(self._pipe.recv())
        slot = self._free.popleft()
        for array, (start, end) in zip(arrays, pairwise([0, *ends]), strict=True):
            self._memory[slot * _SLOT_BYTES + start : slot * _SLOT_BYTES + end] = array.raw()
        self._pipe.send(_Letter(data, slot, ends))

    def receive(self) -> Any:
        """Wait for the next job."""
        while isinstance(received := self._pipe.recv(), int):
            self._free.append(received)
        return received


class Receiver:
    """The parent's end: sends jobs and gets events, whose arrays are its own."""

    def __init__(self, pipe: Connection, memory: Any) -> None:
        self.pipe, self._memory = pipe, memoryview(memory).cast("B")

    def send(self, job: object) -> None:
        """Send a job."""
        self.pipe.send(job)

    def receive(self) -> Any:
        """Wait for the next event.

        Raises:
            EOFError, OSError: the sender is gone.
        """
        letter: _Letter = self.pipe.recv()
        if letter.slot is None:
            return pickle.loads(letter.event)
        slot = self._memory[letter.slot * _SLOT_BYTES :]
        arrays = [bytearray(slot[start:end]) for start, end in pairwise([0, *letter.ends])]
        self.pipe.send(letter.slot)  # to be filled anew
        return pickle.loads(letter.event, buffers=arrays)
