"""The threads with which NumPy multiplies matrices."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Multiply in one thread: with small matrices, threads wait for each other longer than they work.

    Holds for the whole process. Of two threads that are here at once, one may leave it at one thread.
    """
    with _blas().limit(limits=1):
        yield


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")
