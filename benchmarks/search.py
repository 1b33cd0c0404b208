"""Searching many vectors: how recall, time and memory grow, ours beside hnswlib and usearch at equal recall.

    python -m benchmarks.search [--library DIR] [--sizes 10000,100000,1000000] [--keep DIR] [--out docs/scale]

Vectors are drawn to lie as a library's do (`vectors_bootstrap.py`); without a library, around invented ones. A rival
searches with the least effort that gives at least our recall. Times of searches are of one thread and on its processor,
so that other work on the machine does not count; the indexes take turns. Prints a table a size, and writes growth.png
and search.json. Index files that are kept make the next run short.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.vectors_bootstrap import draw, draw_queries, from_library, invented
from benchmarks.vectors_ours import Exact, Ours
from benchmarks.vectors_plot import plot
from benchmarks.vectors_rivals import Index, installed
from indexer.records import Embeddings
from indexer.vector_file import Ids

QUERIES = 500
EFFORTS = [16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 512, 768, 1024]
ROUNDS = 500  # of one query, fewer of more
WINDOWS, HITS = 140, 200  # what one search of the program asks for at once
_TIE = 1e-5  # similarities this near are as good as each other
Search = Callable[[Embeddings], Ids]


@dataclass(frozen=True)
class Figures:
    """What was measured of one index at one size; milliseconds of one processor, seconds and bytes."""

    name: str
    size: int
    recall: float  # of the 10 nearest
    hits_recall: float  # of the HITS nearest
    p50: float  # one query, 10 nearest
    p99: float
    p50_16: float  # 16 queries together
    p99_16: float
    batch: float  # WINDOWS queries for HITS together, median
    build_s: float
    file: int  # and memory, give or take a few bytes a vector


def main() -> None:
    """Print tables and write a plot and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", type=Path, help="whose embeddings the vectors are drawn like")
    parser.add_argument("--dim", type=int, default=320, help="of invented vectors, without a library")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="vectors, separated by commas")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for building the rivals")
    parser.add_argument("--keep", type=Path, help="folder for index files, used again by the next run")
    parser.add_argument("--out", type=Path, default=Path("docs/scale"), help="folder of growth.png and search.json")
    options = parser.parse_args()
    source = from_library(options.library) if options.library else invented(2000, options.dim)
    figures: list[Figures] = []
    with TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size in map(int, options.sizes.split(",")):
            vectors = draw(source, size, seed=1)
            queries = draw_queries(source, vectors, QUERIES, seed=2)
            found = list(measure_all(vectors, queries, folder, options.threads))
            print(table(found), flush=True)
            figures += found
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "search.json").write_text(json.dumps([asdict(each) for each in figures], indent=1))
    plot([asdict(each) for each in figures], options.out / "growth.png")


def measure_all(vectors: NDArray[np.float16], queries: Embeddings, folder: Path, threads: int) -> Iterator[Figures]:
    """The figures of ours, of comparing with every vector, and of each rival at our recall."""
    size, dim = vectors.shape
    few, many = nearest(vectors, queries, 10), nearest(vectors, queries[:WINDOWS], HITS)
    indexes: list[Index] = [Ours(dim), Exact(dim), *installed(dim)]
    built, recalls, one, batch = {}, {}, {}, {}
    recall = hits_recall = 0.0
    for index in indexes:
        name, built[index.name] = index.name, ready(index, vectors, folder, threads)
        ef, reached = effort(index, vectors, queries, 10, few, recall)
        hits_ef, hits_reached = effort(index, vectors, queries[:WINDOWS], HITS, many, hits_recall)
        if name == "ours":
            recall, hits_recall = reached, hits_reached
        recalls[name] = reached, hits_reached
        one[name] = search_of(index, 10, ef)
        batch[name] = search_of(index, HITS, hits_ef)
    ones, somes, batches = (
        timed(one, queries, 1, ROUNDS),
        timed(one, queries, 16, ROUNDS // 8),
        timed(batch, queries, WINDOWS, 5),
    )
    for name in built:
        times = (*ones[name], *somes[name], batches[name][0], built[name][0])
        yield Figures(name, size, *recalls[name], *times, built[name][1])


def search_of(index: Index, k: int, ef: int) -> Search:
    """A search of queries alone."""
    return lambda queries: index.search(queries, k, ef)


def ready(index: Index, vectors: NDArray[np.float16], folder: Path, threads: int) -> tuple[float, int]:
    """Build an index, or load one that was kept: seconds of processors that building took, and bytes of the file."""
    path = folder / f"{index.name}-{len(vectors)}-{vectors.shape[1]}"
    seconds = path.with_name(path.name + ".seconds")
    if not seconds.exists():
        began = time.process_time()
        index.build(vectors, threads)
        took = time.process_time() - began
        index.save(path)
        seconds.write_text(str(took))
    else:
        index.load(path)
    return float(seconds.read_text()), path.stat().st_size


def effort(
    index: Index, vectors: NDArray[np.float16], queries: Embeddings, k: int, best: NDArray[np.float32], least: float
) -> tuple[int, float]:
    """The smallest effort with at least the given recall, and the recall it has; the largest where none has it."""
    for ef in EFFORTS if index.adjustable else [0]:
        recall = recall_of(vectors, queries, index.search(queries, k, ef), best)
        if recall >= least:
            break
    return ef, recall


def recall_of(vectors: NDArray[np.float16], queries: Embeddings, found: Ids, best: NDArray[np.float32]) -> float:
    """The share of what was found that is as near as the nearest; what ties with the last of them counts."""
    similarities = np.einsum("qkd,qd->qk", vectors[found].astype(np.float32), queries)
    return float(((similarities >= best[:, -1:] - _TIE) & (found >= 0)).mean())


def nearest(vectors: NDArray[np.float16], queries: Embeddings, k: int, block: int = 50_000) -> NDArray[np.float32]:
    """The similarities (Q, k) to the nearest vectors, best first, by comparing with every one."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    for at in range(0, len(vectors), block):
        similarities = queries @ vectors[at : at + block].astype(np.float32).T
        best = np.partition(np.concatenate([best, similarities], 1), -k, axis=1)[:, -k:]
    return -np.sort(-best, axis=1)


def timed(
    searches: dict[str, Search], queries: Embeddings, together: int, rounds: int
) -> dict[str, tuple[float, float]]:
    """Median and 99th percentile of the milliseconds that each search takes, all taking turns."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    for turn in range(-1, rounds):  # the first warms up
        rows = np.arange(turn * together, (turn + 1) * together) % len(queries)
        names = list(searches)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:  # none always finds the caches cold
            search = searches[name]
            began = time.process_time()
            search(queries[rows])
            if turn >= 0:
                times[name].append((time.process_time() - began) * 1e3)
    return {name: (float(np.median(each)), float(np.percentile(each, 99))) for name, each in times.items()}


def table(figures: list[Figures]) -> str:
    """A Markdown table of one size, one row an index."""
    lines = [
        "| vectors | index | recall@10 | one query, p50 / p99 | 16 together, p50 / p99 | recall@200 | 140 for 200 each "
        "| built in | file |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in figures:
        lines.append(
            f"| {each.size:,} | {each.name} | {each.recall:.4f} | {each.p50:.2f} / {each.p99:.2f} ms "
            f"| {each.p50_16:.2f} / {each.p99_16:.2f} ms | {each.hits_recall:.4f} | {each.batch:.0f} ms "
            f"| {each.build_s:.0f} s | {each.file / 1e6:.0f} MB |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
