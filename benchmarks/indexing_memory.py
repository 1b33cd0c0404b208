"""How much memory indexing takes: long files, many short ones.

    python -m benchmarks.indexing_memory FOLDER... [--minutes 10 60 180] [--short 1000 10000] [--out DIR]

1080p H.264 of each length, then so many files of a second, made as in `benchmarks.indexing` and kept in DIR. Each is
indexed by the command line into a new library; the resident memory of it and its decoders, added up, is looked at ten
times a second, and the highest sum counts. What they share counts once for each.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.indexing_set import KINDS, loop, make_set

LOOKS_S = 0.1
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
LONG, SHORT = KINDS[2], KINDS[0]


def main() -> None:
    """Print a table: one row a set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="real videos")
    parser.add_argument("--minutes", type=float, nargs="*", default=[10, 60, 180], help="of one long file")
    parser.add_argument("--short", type=int, nargs="*", default=[1000, 10000], help="files of a second")
    parser.add_argument("--out", type=Path, help="where the videos are kept for the next run")
    options = parser.parse_args()
    sources = sorted(path for folder in options.folders for path in folder.rglob("*") if path.is_file())
    random.Random(0).shuffle(sources)
    print("| videos | clips | minutes of video | peak of resident memory, MB |\n|---|---:|---:|---:|")
    with TemporaryDirectory() as scratch:
        for name, folder in sets(sources, options.out or Path(scratch), options.minutes, options.short):
            report, peak = indexed(folder)
            print(f"| {name} | {report['clips']} | {report['video_seconds'] / 60:.0f} | {peak:.0f} |", flush=True)


def sets(sources: list[Path], out: Path, minutes: list[float], short: list[int]) -> Iterator[tuple[str, Path]]:
    """Make folders of one long file each, then of many short ones."""
    for length in minutes:
        (source, *_), file = make_set(sources, LONG, 1.5, out / LONG.name), out / f"{length:g} minutes" / "long.mp4"
        yield f"one of {length:g} minutes, {LONG.name}", _with([(source, length * 60, file)])
    for count in short:
        (source, *_), folder = make_set(sources, SHORT, 1.5, out / SHORT.name), out / f"{count} short"
        yield f"{count} of a second, {SHORT.name}", _with([(source, 1.0, folder / f"{i}.mp4") for i in range(count)])


def _with(files: list[tuple[Path, float, Path]]) -> Path:
    for source, seconds, file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            loop(source, seconds, file, title=file.stem)
    return files[0][2].parent


def indexed(folder: Path) -> tuple[dict[str, float], float]:
    """Index a folder; give the report of the command, and the peak of its memory in MB."""
    with TemporaryDirectory() as scratch, (Path(scratch) / "report.json").open("w+") as report:
        command = [sys.executable, "-m", "app.cli", "index", str(folder), "--library", f"{scratch}/library", "--json"]
        process, peak = subprocess.Popen(command, stdout=report, stderr=subprocess.DEVNULL), 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(resident_mb, family(process.pid))))
            time.sleep(LOOKS_S)
        if process.returncode:
            raise SystemExit(f"indexing {folder} ended with exit status {process.returncode}")
        report.seek(0)
        return json.load(report), peak


def family(process: int) -> Iterator[int]:
    """A process and all below it."""
    yield process
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from family(int(child))
    except OSError:  # it has ended
        return


def resident_mb(process: int) -> float:
    """Resident memory of a process in MB; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE_MB
    except OSError:
        return 0.0


if __name__ == "__main__":
    main()
