"""Decoders for many threads: each is lent to one at a time, and further threads wait."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Queue

from encoder.decoding import DecodePool


class Lending:
    """Pools of decoders, each used by one thread at a time."""

    def __init__(self, pools: Sequence[DecodePool]) -> None:
        self._pools = pools
        self._idle: Queue[DecodePool] = Queue()
        for pool in pools:
            self._idle.put(pool)

    @contextmanager
    def lent(self) -> Iterator[DecodePool]:
        """A pool for one file; waits for one that nobody uses."""
        pool = self._idle.get()
        try:
            yield pool
        finally:
            self._idle.put(pool)

    def start(self) -> None:
        """Start all processes now."""
        for _ in self._pools:
            with self.lent() as pool:  # another one each time, while nobody uses them
                pool.start()

    def close(self) -> None:
        """End all processes, also those in the middle of a file."""
        for pool in self._pools:
            pool.close()
