"""Decode videos in worker processes, each under a watchdog, so that no file can hang or crash the program.

Kept free of heavy imports: every worker process loads this module.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span, grid_length
from encoder.errors import VideoError
from encoder.picture import Picture
from encoder.video import Clip, Video, VideoInfo
from encoder.wire import Receiver, Sender, shared_memory

_BATCH = 16  # clips a message
_MOST_THREADS = 8  # of one file: each holds a few pictures
_POLL_S = 0.05
_TELL_S = 5.0  # a slow file shows that it is alive


@dataclass(frozen=True)
class Job:
    """One file to decode, or the part of it that is asked for."""

    path: str
    spec: ClipSpec
    span: Span | None = None  # seconds; None: all of it
    clips: int | None = None  # this many, evenly spread over the declared length; None: the regular ones
    finer: int = 1  # clips start on a grid so many times finer than that of their frames, where `clips` are enough
    stretched: bool = False  # one clip only, its frames evenly spread over the declared length
    threads: int = 1  # that decode it; a pool gives it as many as there are for each of its files

    def clips_of(self, info: VideoInfo) -> tuple[ClipSpec, list[int] | None]:
        """The grid to read a video on, and at which of its frames the asked clips start; None: the regular ones."""
        spec = self.spec
        if self.stretched:
            return replace(spec, fps=spec.frames / info.duration if info.duration > 0 else spec.fps), [0]
        spec = ClipSpec((spec.frames - 1) * self.finer + 1, spec.fps * self.finer, spec.size, spec.hop * self.finer)
        length = info.duration if self.span is None else min(info.duration, self.span.end) - self.span.start
        if self.clips is None or length <= 0:  # the header does not say, or says too little: read all there is
            return spec, None
        last = max(0, grid_length(length, spec.fps) - spec.frames)
        if self.finer > 1:
            step = 1 if last < self.clips else -(-last // (self.clips * self.finer)) * self.finer
            return spec, sorted({*range(0, last + 1, step), last})
        return spec, sorted({round(last * i / max(1, self.clips - 1)) for i in range(self.clips)})


@dataclass(frozen=True)
class Opened:
    """The file is a video."""

    path: str
    info: VideoInfo


@dataclass(frozen=True)
class Reading:
    """Pictures come, though no clip is complete yet."""

    path: str


@dataclass(frozen=True)
class Decoded:
    """Some more of its clips."""

    path: str
    spans: list[Span]  # of N clips
    pictures: NDArray[np.uint8]  # (F, H, W, 3) RGB, each of them once
    places: NDArray[np.intp]  # (N, T): which picture each frame of a clip is

    @property
    def frames(self) -> NDArray[np.uint8]:
        """(N, T, H, W, 3) RGB clips."""
        return self.pictures.take(self.places, 0)  # faster than by indexing


@dataclass(frozen=True)
class Finished:
    """All of it was read."""

    path: str
    damaged: int  # packets passed over


@dataclass(frozen=True)
class Failed:
    """It can't be read; whatever came of it before does not count."""

    path: str
    reason: str


Event = Opened | Reading | Decoded | Finished | Failed


@dataclass
class _Worker:
    process: BaseProcess
    wire: Receiver
    path: str | None = None  # of the job in hand
    heard: float = field(default_factory=time.monotonic)


class DecodePool:
    """Worker processes that decode; a file on which one dies or falls silent is reported and the worker replaced."""

    def __init__(self, workers: int, stall_s: float = 60.0) -> None:
        """Start no process yet: workers come with the first jobs.

        Args:
            workers: how many files are decoded at once.
            stall_s: seconds without a new clip after which a file is given up.
        """
        self._size, self._stall_s = workers, stall_s
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start all workers now rather than with the first jobs."""
        while len(self._workers) < self._size:
            self._workers.append(_spawn())

    def close(self) -> None:
        """End all workers, also those in the middle of a file."""
        for worker in self._workers:
            _end(worker)
        self._workers.clear()

    def decode(self, jobs: Iterable[Job]) -> Iterator[Event | None]:
        """Decode the jobs, several at once, and yield what happens; None where nothing came for a moment.

        Jobs are drawn only when a worker is free, and workers wait when their events are not taken, so neither end runs
        ahead. Each path ends in exactly one Finished or Failed.
        """
        for unfinished in [worker for worker in self._workers if worker.path is not None]:
            self._replace(unfinished)  # an earlier call was broken off
        queue = iter(jobs)
        while True:
            self._start_as_many_as_there_are(queue)
            busy = [worker for worker in self._workers if worker.path is not None]
            if not busy:
                return
            ready = wait([worker.wire.pipe for worker in busy], _POLL_S)
            if not ready:
                yield None
            for worker in busy:
                if worker.wire.pipe in ready:
                    yield from self._receive(worker)
                elif time.monotonic() - worker.heard > self._stall_s and not worker.wire.pipe.poll():
                    yield from self._give_up(
                        worker, f"no picture came for {self._stall_s:.0f} s, so reading was given up"
                    )

    def _start_as_many_as_there_are(self, queue: Iterator[Job]) -> None:
        """Give each free worker a job; where there are fewer jobs than workers, each is decoded by several threads."""
        free = self._size - sum(worker.path is not None for worker in self._workers)
        jobs = list(islice(queue, free))
        threads = min(_MOST_THREADS, self._size // max(1, self._size - free + len(jobs)))
        for job in jobs:
            self._start(self._free(), replace(job, threads=threads))

    def _free(self) -> _Worker:
        for worker in self._workers:
            if worker.path is None:
                return worker
        self._workers.append(_spawn())
        return self._workers[-1]

    def _start(self, worker: _Worker, job: Job) -> None:
        if not worker.process.is_alive():
            self._replace(worker)
        worker.path, worker.heard = job.path, time.monotonic()
        with suppress(ConnectionError):  # it died idle or at once: the next look at its pipe says so
            worker.wire.send(job)

    def _receive(self, worker: _Worker) -> Iterator[Event]:
        try:
            event: Event = worker.wire.receive()
        except (EOFError, OSError):  # it died: between messages, or in the middle of one
            worker.process.join(5)
            code = worker.process.exitcode
            what = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
            yield from self._give_up(worker, f"the decoder crashed on it ({what})")
            return
        worker.heard = time.monotonic()
        if isinstance(event, Finished | Failed):
            worker.path = None
        yield event
        worker.heard = time.monotonic()  # the time the caller took is not the worker's silence

    def _give_up(self, worker: _Worker, reason: str) -> Iterator[Event]:
        path = worker.path
        self._replace(worker)
        if path is not None:
            yield Failed(path, reason)

    def _replace(self, worker: _Worker) -> None:
        _end(worker)
        fresh = _spawn()
        worker.process, worker.wire, worker.path = fresh.process, fresh.wire, None


def _spawn() -> _Worker:
    context = get_context("spawn")  # a forked child would inherit the threads' locks of torch and FAISS
    (ours, theirs), memory = context.Pipe(), shared_memory(context)
    process = context.Process(target=_work, args=(theirs, memory), daemon=True, name="reelseek-decoder")
    process.start()
    theirs.close()
    return _Worker(process, Receiver(ours, memory))


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.wire.pipe.close()


def _work(pipe: Connection, memory: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # codecs write to stderr behind Python's back
    wire = Sender(pipe, memory)
    while True:
        try:
            job: Job = wire.receive()
            for event in _decode(job, _Pulse(wire, job.path)):
                wire.send(event)
        except (EOFError, ConnectionError):
            return


class _Pulse:
    """Called with every picture read, sends a sign of life now and then: clips may be far apart."""

    def __init__(self, wire: Sender, path: str) -> None:
        self._wire, self._path, self._sent = wire, path, time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._sent > _TELL_S:
            self._wire.send(Reading(self._path))
            self._sent = time.monotonic()


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _decode(job: Job, still_reading: Callable[[], None]) -> Iterator[Event]:
    try:
        with Video(job.path, job.threads) as video:
            info = video.info()
            yield Opened(job.path, info)
            clips: list[Clip] = []
            spec, starts = job.clips_of(info)
            told = time.monotonic()
            for clip in video.clips(spec, job.span, starts, still_reading):
                clips.append(clip)
                if len(clips) == _BATCH or time.monotonic() - told > _TELL_S:
                    yield _decoded(job, clips)
                    clips, told = [], time.monotonic()
            if clips:
                yield _decoded(job, clips)
            yield Finished(job.path, video.damaged)
    except VideoError as error:
        yield Failed(job.path, error.reason)


def _decoded(job: Job, clips: list[Clip]) -> Decoded:
    pictures: dict[int, Picture] = {}  # by identity: clips share them
    places = [[pictures.setdefault(id(picture), picture) for picture in clip.pictures[:: job.finer]] for clip in clips]
    order = {key: place for place, key in enumerate(pictures)}
    return Decoded(
        job.path,
        [clip.span for clip in clips],
        np.stack(list(pictures.values())),
        np.array([[order[id(picture)] for picture in row] for row in places]),
    )
