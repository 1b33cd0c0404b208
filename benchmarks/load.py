"""How a server does while many people search at once: latency, errors, memory.

    python -m benchmarks.load LIBRARY CLIP... [--people 20] [--seconds 120] [--pause 3] [--again 0.5]

Serves the library on a free port of this machine and lets each person search, over the HTTP API, for random parts of
three to six seconds of random clips, uploaded each time, with a pause between an answer and the next question. Some of
the questions ask again for the part before: for its next page. Prints the time from request to answer, what was refused
or failed, and the server's memory over the time. It stops by itself.
"""

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import httpx

from encoder.video import probe

_START_S, _ANSWER_S = 120.0, 60.0  # waited for at most
_MEMORY_EVERY_S = 2.0
_SERVE = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0"]
_READY = re.compile(r"ready at (http://\S+)")


@dataclass
class Outcome:
    """What the people met."""

    seconds: list[float] = field(default_factory=list)  # of answered searches
    errors: list[str] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)  # of the server with its decoders
    processor_s: float = 0.0  # that these took


@dataclass(frozen=True)
class Habits:
    """How people search."""

    people: int
    seconds: float  # that all of it takes
    pause: float  # seconds between an answer and the next question, on average
    again: float  # share of questions for the next page


@dataclass(frozen=True)
class Clip:
    """A file to search for parts of."""

    name: str
    content: bytes
    duration: float  # seconds


def main() -> None:
    """Serve, search, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between an answer and the next question")
    parser.add_argument("--again", type=float, default=0.5, help="share of questions for the next page")
    options = parser.parse_args()
    clips = [Clip(path.name, path.read_bytes(), probe(path).duration) for path in options.clips]
    habits = Habits(options.people, options.seconds, options.pause, options.again)
    with serving(options.library) as (url, pid):
        outcome = asyncio.run(search_at_once(url, pid, clips, habits))
    print(table(outcome, habits))


@contextmanager
def serving(library: Path) -> Iterator[tuple[str, int]]:
    """A server of its own process, ready to search: its address and process id."""
    settings = os.environ | {"REELSEEK_ACTIONS_PER_MINUTE": "100000", "REELSEEK_UPLOAD_MB_PER_HOUR": "1000000"}
    command = [*_SERVE, "--library", str(library)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=settings) as process:
        try:
            assert process.stderr is not None
            found = next(filter(None, map(_READY.search, process.stderr)), None)
            if found is None:
                sys.exit("the server did not start")
            _await_ready(found[1])
            yield found[1], process.pid
        finally:
            process.terminate()


def _await_ready(url: str) -> None:
    until = time.monotonic() + _START_S
    while httpx.get(f"{url}/health/ready").status_code != 200:
        if time.monotonic() > until:
            sys.exit(f"the server at {url} did not get ready in {_START_S:.0f} s")
        time.sleep(0.2)


async def search_at_once(url: str, pid: int, clips: list[Clip], habits: Habits) -> Outcome:
    """Let people search until the time is over, and watch the memory meanwhile."""
    outcome, until = Outcome(), time.monotonic() + habits.seconds
    connections = httpx.Limits(max_connections=habits.people)
    async with (
        httpx.AsyncClient(base_url=url, timeout=_ANSWER_S, limits=connections) as client,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(_watch(pid, outcome, until))
        for person in range(habits.people):
            group.create_task(_search(client, questions(clips, habits, random.Random(person)), outcome, until))
    return outcome


def questions(clips: list[Clip], habits: Habits, rng: random.Random) -> Iterator[tuple[float, Clip, dict[str, str]]]:
    """What a person asks without end: after which pause, with which clip and which form."""
    clip, part, page = rng.choice(clips), dict[str, str](), 0
    while True:
        if part and rng.random() < habits.again:
            page += 1
        else:
            clip, page = rng.choice(clips), 0
            start = rng.uniform(0, max(0.0, clip.duration - 3))
            part = {"start": f"{start:.2f}", "end": f"{start + rng.uniform(3, 6):.2f}"}
        yield rng.uniform(0.5, 1.5) * habits.pause, clip, {**part, "k": "12", "offset": str(12 * page)}


async def _search(
    client: httpx.AsyncClient, asked: Iterator[tuple[float, Clip, dict[str, str]]], outcome: Outcome, until: float
) -> None:
    for pause, clip, form in asked:
        await asyncio.sleep(pause)
        if time.monotonic() > until:
            return
        began = time.monotonic()
        try:
            got = await client.post("/api/v1/search", data=form, files={"clip": (clip.name, clip.content)})
        except httpx.HTTPError as error:
            outcome.errors.append(repr(error))
            continue
        if got.status_code == 200:
            outcome.seconds.append(time.monotonic() - began)
        else:
            outcome.errors.append(f"{got.status_code}: {got.text[:200]}")


async def _watch(pid: int, outcome: Outcome, until: float) -> None:
    began: float | None = None
    while time.monotonic() < until:
        processes = [pid, *_children(pid)]
        outcome.memory_mb.append(sum(map(_resident_mb, processes)))
        spent = sum(map(_processor_s, processes))
        began = spent if began is None else began
        outcome.processor_s = spent - began
        await asyncio.sleep(_MEMORY_EVERY_S)


def _children(pid: int) -> list[int]:
    direct = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, direct) for each in (child, *_children(child))]


def _resident_mb(pid: int) -> float:
    """Memory of a process, that which it shares counted in part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # it has just ended
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def table(outcome: Outcome, habits: Habits) -> str:
    """The figures as Markdown, and the first errors."""
    times, memory = sorted(outcome.seconds) or [0.0], outcome.memory_mb
    cuts = quantiles(times * 2, n=20, method="inclusive")
    quarter = max(1, len(memory) // 4)
    first, last = (max(part) for part in (memory[:quarter], memory[-quarter:]))
    rows = [
        "| people | pause | again | searches | a second | errors | median | 95 % | slowest | processor, a search "
        "| memory, first and last quarter |",
        "|" + "---:|" * 11,
        f"| {habits.people} | {habits.pause:g} s | {habits.again:.0%} | {len(outcome.seconds)} "
        f"| {len(outcome.seconds) / habits.seconds:.1f} | {len(outcome.errors)} "
        f"| {cuts[9]:.2f} s | {cuts[18]:.2f} s | {times[-1]:.2f} s | {outcome.processor_s / len(times):.2f} s "
        f"| {first:,.0f} and {last:,.0f} MB |",
    ]
    return "\n".join([*rows, *outcome.errors[:5]])


if __name__ == "__main__":
    main()
