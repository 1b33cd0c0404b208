"""The two structures that vectors are searched in, both FAISS's over float16: a list and a graph.

The list is compared with a query from end to end, which is exact. The graph (HNSW, Malkov and Yashunin 2016,
https://arxiv.org/abs/1603.09320) is walked towards the query, which is approximate, and hardly slower for more vectors.
Nothing is taken out of either. The numbers below were chosen by `benchmarks.search`, see docs/scale.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import faiss as typed_faiss
import numpy as np
from numpy.typing import NDArray

from indexer.records import Embeddings

Rows = NDArray[np.int64]  # of a structure, in the order of adding; -1 for none
Similarities = NDArray[np.float32]
Bytes = NDArray[np.uint8]
faiss: Any = typed_faiss  # its type hints lack half of what it has
_NEIGHBOURS = 12  # of a vector on the upper levels, twice as many on the lowest
LINK_BYTES = 112  # that the graph takes for each vector beside its numbers
_BUILD_WIDTH = 200  # candidates kept while a vector's neighbours are sought
_WIDTH = 416  # candidates kept by a search, ...
_WIDTH_OF_K = 1.5  # ... and at least so many for each vector asked for
_PIECE = 2**20  # bytes written at once


def empty_list(dim: int) -> Any:
    """A list of no vectors."""
    return faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def empty_graph(dim: int) -> Any:
    """A graph of no vectors."""
    graph = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_fp16, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = _BUILD_WIDTH
    return graph


def add(structure: Any, vectors: Embeddings) -> None:
    """Append vectors, in one thread: the same ones make the same graph, and searches have the other processors."""
    with _one_thread():
        structure.add(np.ascontiguousarray(vectors, np.float32))


def search_list(rows: Any, queries: Embeddings, k: int, shown: NDArray[np.bool_] | None) -> tuple[Similarities, Rows]:
    """The k nearest rows of each query among those shown, None for all: (Q, k) each, best first."""
    found: tuple[Similarities, Rows] = rows.search(queries, k, params=faiss.SearchParameters(sel=_selector(shown)))
    return found


def search_graph(graph: Any, queries: Embeddings, k: int, shown: NDArray[np.bool_] | None) -> tuple[Similarities, Rows]:
    """As of a list, but now and then one of the nearest is missed; the fewer are shown, the longer it takes."""
    share = 1.0 if shown is None else max(float(shown.mean()), 1e-6)
    width = int(max(_WIDTH, _WIDTH_OF_K * k) / share)  # candidates that are not shown count, and take part in the walk
    options = faiss.SearchParametersHNSW(efSearch=width, sel=_selector(shown))
    found: tuple[Similarities, Rows] = graph.search(queries, k, params=options)
    return found


def vectors(structure: Any, rows: Rows) -> Embeddings:
    """The vectors of the given rows; (N, D)."""
    found: Embeddings = structure.reconstruct_batch(rows)
    return found


def numbers(rows: Any) -> Bytes:
    """A copy of all that a list holds: float16, little-endian."""
    codes = rows.codes
    return faiss.rev_swig_ptr(codes.data(), codes.size()).copy() if codes.size() else np.empty(0, np.uint8)


def list_of(dim: int, content: Bytes) -> Any:
    """A list of the vectors that `numbers` gave."""
    made = empty_list(dim)
    if content.size:
        made.add_sa_codes(np.ascontiguousarray(content).reshape(-1, 2 * dim))
    return made


def write_graph(graph: Any, file: BinaryIO) -> None:
    """Write a graph, its vectors last: float16, little-endian."""
    faiss.write_index(graph, faiss.PyCallbackIOWriter(file.write, _PIECE))


def mapped_graph(content: Bytes) -> Any:
    """A graph that was written, to be searched where it lies: it takes no memory beside the content."""
    graph = faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(content), content.size))
    graph.referenced_objects = [content]  # stays as long as the graph, which looks into it
    return graph


def copied_graph(graph: Any) -> Any:
    """A graph of the same vectors that may be added to, even if this one is mapped or being searched."""
    content = faiss.serialize_index(graph)
    return faiss.read_index(faiss.BufferedIOReader(faiss.ZeroCopyIOReader(faiss.swig_ptr(content), content.size)))


def _selector(shown: NDArray[np.bool_] | None) -> Any:
    return None if shown is None else faiss.IDSelectorBitmap(np.packbits(shown, bitorder="little"))


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenMP knows a number of threads for each thread, so that this one alone is slowed down."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
