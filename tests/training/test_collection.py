import csv
import errno
import os
from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import pytest

from training.actions import ACTIONS
from training.actors import ACTORS
from training.backgrounds import BACKGROUNDS
from training.collection import _write_video, write_collection
from training.scenes import Scene, render

BY_NAME = {action.name: action for action in ACTIONS}
TINY = {"films": 1, "scenes_per_film": 4, "shortest_s": 0.2, "longest_s": 0.4, "width": 48, "height": 32}


def frames_of(scene: Scene) -> np.ndarray:
    return np.stack([frame for frame, _ in render(scene)])


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collection")
    assert write_collection(folder, len(BACKGROUNDS), **TINY) == folder / "manifest.csv"
    return folder


def test_every_action_is_performed_on_every_background_by_both_actors(collection: Path):
    grounds, actors = defaultdict(list), defaultdict(set)
    for row in rows_of(collection / "manifest.csv"):
        grounds[row["label"]].append(row["group"])
        actors[row["label"]].add(row["path"].split("-")[-2])
    everywhere = sorted(background.name for background in BACKGROUNDS)
    assert {label: sorted(names) for label, names in grounds.items()} == dict.fromkeys(BY_NAME, everywhere)
    assert all(names == set(ACTORS) for names in actors.values())


def test_few_videos_an_action_still_put_several_actions_on_each_background(tmp_path: Path):
    labels = defaultdict(set)
    for row in rows_of(write_collection(tmp_path, 2, **{**TINY, "films": 0})):
        labels[row["group"]].add(row["label"])
    assert all(len(labels[background.name]) >= 3 for background in BACKGROUNDS)


def test_the_manifest_lists_every_video_but_the_films(collection: Path):
    text = (collection / "manifest.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "path,label,group"
    rows = rows_of(collection / "manifest.csv")
    listed = {collection / row["path"] for row in rows}
    assert listed == set(collection.rglob("*.mp4")) - set((collection / "films").iterdir())
    assert all(row["path"].startswith(f"{row['label']}/{row['group']}-") for row in rows)


def test_every_video_decodes_with_a_duration_in_the_asked_range(collection: Path):
    for path in collection.glob("*/*.mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            frames = list(container.decode(stream))
            times = [frame.time for frame in frames]
        assert times == pytest.approx([i / 25 for i in range(len(times))])
        assert (frames[0].width, frames[0].height) == (48, 32)
        assert path.parent.name == "films" or 0.18 <= len(frames) / 25 <= 0.42


def test_a_video_shows_the_rendered_frames(tmp_path: Path):
    scene = Scene(BY_NAME["jump"], BACKGROUNDS[0], "shape", 5, 0.4)
    _write_video(tmp_path / "jump.mp4", [scene])
    error = np.abs(decode(tmp_path / "jump.mp4").astype(float) - frames_of(scene))
    assert error.mean() < 4


def test_videos_start_with_their_index_so_a_browser_can_stream_them(collection: Path):
    for path in collection.glob("wave/*.mp4"):
        data = path.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")


def test_the_films_table_covers_each_film_without_a_gap(collection: Path):
    rows = rows_of(collection / "films.csv")
    assert len(rows) == 4
    assert {row["label"] for row in rows} <= set(BY_NAME)
    assert len({row["label"] for row in rows}) == 4
    assert [row["start"] for row in rows] == ["0.00", *(row["end"] for row in rows[:-1])]
    assert len(decode(collection / rows[0]["path"])) / 25 == pytest.approx(float(rows[-1]["end"]))


def test_the_same_seed_writes_the_same_collection(collection: Path, tmp_path: Path):
    write_collection(tmp_path, 1, **TINY)
    for path in tmp_path.rglob("*.mp4"):
        np.testing.assert_array_equal(decode(path), decode(collection / path.relative_to(tmp_path)))
    assert (tmp_path / "films.csv").read_bytes() == (collection / "films.csv").read_bytes()


def test_a_second_run_writes_only_what_is_missing(tmp_path: Path):
    write_collection(tmp_path, 1, **TINY)
    first, *others = sorted(tmp_path.rglob("*.mp4"))
    before = {path: path.stat().st_mtime_ns for path in others}
    whole = first.read_bytes()
    first.unlink()
    calls: list[tuple[int, int]] = []
    write_collection(tmp_path, 1, progress=lambda done, total: calls.append((done, total)), **TINY)
    assert first.read_bytes() == whole
    assert {path: path.stat().st_mtime_ns for path in others} == before
    total = len(ACTIONS) + 1
    assert calls == [(done, total) for done in range(1, total + 1)]


def test_an_interrupted_run_leaves_whole_videos_and_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written = []

    def interrupted(scene: Scene):
        written.append(scene)
        for number, frame in enumerate(render(scene)):
            if len(written) == 3 and number == 60:  # after the first packets
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr("training.collection.render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_collection(tmp_path, 1, **{**TINY, "shortest_s": 3.0, "longest_s": 3.1})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert all(len(decode(path)) >= 75 for path in files)


def test_a_folder_that_is_a_file_is_an_os_error(tmp_path: Path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken"):
        write_collection(tmp_path / "taken", 1, **TINY)


def test_a_collection_without_videos_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="got videos_per_action=0, scenes_per_film=11"):
        write_collection(tmp_path, 0)


def test_a_full_disk_is_an_os_error_and_leaves_no_partial_file(tmp_path: Path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))  # the nearest to a full disk that needs no root
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            _write_video(tmp_path / "big.mp4", [Scene(ACTIONS[0], BACKGROUNDS[0], "figure", 0, 2.0)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
