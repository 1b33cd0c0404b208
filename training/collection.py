"""A labelled collection of short synthetic videos: every action on every background, by two kinds of actor.

The action says nothing about the background, and with one seed and a still camera a reversed action shows the
frames of its partner backwards: neither places nor unordered frames tell the two apart.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from encoder.whole import appearing_whole
from training.actions import ACTIONS, Action
from training.actors import ACTORS, Actor
from training.backgrounds import BACKGROUNDS, Background
from training.scenes import Scene, render
from training.textures import Rng


def write_collection(
    folder: Path,
    videos_per_action: int = 8,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    *,
    films: int = 3,
    scenes_per_film: int = 11,
    shortest_s: float = 3.0,
    longest_s: float = 5.0,
    width: int = 320,
    height: int = 240,
) -> Path:
    """Write folder/ACTION/*.mp4, folder/films/*.mp4, films.csv and manifest.csv; return the manifest's path.

    Videos that are already there are kept, so an interrupted call is finished by the next one. The manifest
    has the header path,label,group with the background as group; films.csv has path,start,end,label with the
    seconds of each scene of each film. The manifest appears last, once every video is complete.

    Args:
        folder: made if missing.
        videos_per_action: each on the next background, so 8 or more use every background for every action.
        seed: the same seed and sizes give the same frames.
        progress: called with videos done and videos in all, after each video.
        films: number of long videos made of several scenes.
        scenes_per_film: scenes in each film, one after the other without a break.
        shortest_s: length in seconds of the shortest possible scene.
        longest_s: length in seconds of the longest possible scene.
        width: pixels, even.
        height: pixels, even.

    Raises:
        ValueError: there would be nothing to write.
        OSError: the folder cannot be written; no partial file is left behind.
    """
    if videos_per_action < 1 or scenes_per_film < 1:
        raise ValueError(f"one or more is needed of each, got {videos_per_action=}, {scenes_per_film=}")
    plan = Plan(seed, shortest_s, longest_s, width, height)
    videos = plan.scenes(videos_per_action)
    reels = [plan.film(number, scenes_per_film) for number in range(films)]
    files = [(folder / _video_name(scene), [scene]) for scene in videos]
    files += [(folder / _film_name(number, reel), reel) for number, reel in enumerate(reels)]
    for done, (path, scenes) in enumerate(files, start=1):
        if not path.exists():
            _write_video(path, scenes)
        if progress is not None:
            progress(done, len(files))
    moments = [row for number, reel in enumerate(reels) for row in _moments(_film_name(number, reel), reel)]
    _write_table(folder / "films.csv", ("path", "start", "end", "label"), moments)
    rows = [(_video_name(scene), scene.action.name, scene.background.name) for scene in videos]
    _write_table(folder / "manifest.csv", ("path", "label", "group"), rows)
    return folder / "manifest.csv"


@dataclass(frozen=True)
class Plan:
    """Which scenes a collection holds; the same plan always holds the same ones."""

    seed: int
    shortest_s: float
    longest_s: float
    width: int
    height: int

    def scenes(self, videos_per_action: int) -> list[Scene]:
        """All videos, action by action."""
        return [self.scene(action, number) for action in range(len(ACTIONS)) for number in range(videos_per_action)]

    def scene(self, action: int, number: int) -> Scene:
        """Video `number` of an action; each goes through the backgrounds in turn."""
        rng = np.random.default_rng([self.seed, 0, action, number])
        background = BACKGROUNDS[(number + action) % len(BACKGROUNDS)]
        lap = number // len(BACKGROUNDS)
        return self._draw(rng, ACTIONS[action], background, ACTORS[(number + action // 2 + lap) % 2])

    def film(self, number: int, scenes: int) -> list[Scene]:
        """Different actions on different backgrounds as long as there are any left."""
        rng = np.random.default_rng([self.seed, 1, number])
        actions, places = rng.permutation(len(ACTIONS)), rng.permutation(len(BACKGROUNDS))
        picks = [(actions[i % len(actions)], places[i % len(places)], rng.integers(2)) for i in range(scenes)]
        return [self._draw(rng, ACTIONS[a], BACKGROUNDS[b], ACTORS[c]) for a, b, c in picks]

    def _draw(self, rng: Rng, action: Action, background: Background, actor: Actor) -> Scene:
        return Scene(
            action=action,
            background=background,
            actor=actor,
            seed=int(rng.integers(2**32)),
            duration_s=float(rng.uniform(self.shortest_s, self.longest_s)),
            width=self.width,
            height=self.height,
            drift=float(rng.uniform(0.02, 0.06)) if rng.random() < 0.5 else 0.0,
        )


def _video_name(scene: Scene) -> str:
    return f"{scene.action.name}/{scene.background.name}-{scene.actor}-{scene.seed:08x}.mp4"


def _film_name(number: int, scenes: list[Scene]) -> str:
    return f"films/film-{number + 1}-{scenes[0].seed:08x}.mp4"


def _moments(name: str, scenes: list[Scene]) -> Iterator[tuple[str, str, str, str]]:
    """Name, start and end in seconds and action of each scene of a film."""
    frames = 0
    for scene in scenes:
        start, frames = frames, frames + scene.frames
        yield name, f"{start / scene.fps:.2f}", f"{frames / scene.fps:.2f}", scene.action.name


def _write_table(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with appearing_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def _write_video(path: Path, scenes: list[Scene]) -> None:
    """Write the scenes one after the other as H.264 that browsers play; PyAV's write errors are OSErrors."""
    options = {"movflags": "faststart"}
    with appearing_whole(path) as part, av.open(str(part), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=scenes[0].fps)
        stream.width, stream.height, stream.pix_fmt = scenes[0].width, scenes[0].height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "24", "g": "50", "bf": "0", "refs": "1"}
        stream.codec_context.thread_count = 1  # the result depends on the number of threads
        for scene in scenes:
            for frame, _ in render(scene):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
