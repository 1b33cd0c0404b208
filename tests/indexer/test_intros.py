"""What scores mean, on files: what many of them share does not win, and a part of a query counts as a part."""

import cv2
import numpy as np
import pytest

from benchmarks.copies import write_video
from indexer.requests import Mode

FPS, SIZE, FILES = 8, (64, 48), 50


def drift(seed, seconds=3.0):
    """Frames of blots that come and go at random before a place of their own."""
    rng = np.random.default_rng(seed)
    place = cv2.resize(rng.uniform(40, 210, (3, 4, 3)).astype(np.float32), SIZE)
    keys = [cv2.resize(rng.normal(0, 60, (5, 6, 1)).astype(np.float32), SIZE) for _ in range(int(seconds * 3) + 2)]
    at = np.arange(round(seconds * FPS)) / FPS * 3
    moving = [keys[int(t)] * (1 - t % 1) + keys[int(t) + 1] * (t % 1) for t in at]
    return np.stack([place + each[..., None] for each in moving]).clip(0, 255).astype(np.uint8)


INTROS = {"an intro": drift(1000), "black frames": np.zeros_like(drift(1000))}


@pytest.fixture(params=list(INTROS))
def shared(request, library, videos, tmp_path):
    """A library of 50 files that begin alike, and one of what comes after that in the query; and the query."""
    intro = INTROS[request.param]
    for number in range(FILES):
        write_video(videos / f"{number}.mp4", np.concatenate([intro, drift(number)]), FPS, 20)
    scene = drift(77)
    write_video(videos / "right.mp4", np.concatenate([drift(78), scene, drift(79)]), FPS, 20)
    query = tmp_path / "query.mp4"
    write_video(query, np.concatenate([intro, scene]), FPS, 30)
    library.add([videos])
    return library, query


@pytest.mark.parametrize("mode", [Mode.COPY, Mode.SIMILAR])
def test_the_scene_beside_it_is_found_before_what_50_files_share(shared, mode):
    library, query = shared
    first, *others = library.search(query, mode=mode, k=FILES + 10)
    assert library.catalog.paths([first.video_id])[first.video_id][0].endswith("right.mp4")
    assert first.segments[0].video.start == pytest.approx(3, abs=0.2)
    assert first.score > 0.4
    most = {Mode.COPY: 0.6, Mode.SIMILAR: 0.9}[mode]
    assert all(other.score < most * first.score for other in others)


def test_a_part_shown_exactly_scores_the_root_of_its_share_and_comes_after_all_of_the_query(library, videos, tmp_path):
    scene = drift(77, seconds=12.0)
    write_video(videos / "all.mp4", np.concatenate([drift(78), scene]), FPS, 20)
    write_video(videos / "part.mp4", np.concatenate([drift(79), scene[: 3 * FPS], drift(80)]), FPS, 20)
    for number in range(30):
        write_video(videos / f"{number}.mp4", drift(number, seconds=9.0), FPS, 20)
    write_video(tmp_path / "query.mp4", scene, FPS, 30)
    library.add([videos])
    first, second, *others = library.search(tmp_path / "query.mp4", k=32)
    names = library.catalog.paths([first.video_id, second.video_id])
    assert names[first.video_id][0].endswith("all.mp4")
    assert names[second.video_id][0].endswith("part.mp4")
    assert first.score > 0.9
    assert second.score == pytest.approx((second.segments[0].query.duration / 12) ** 0.5, abs=0.06)
    assert all(other.score < second.score for other in others)
