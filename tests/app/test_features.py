import numpy as np
import pytest

from app import features
from app.features import Kept, clip_embeddings, trivial_features
from encoder.baselines import BASELINES
from encoder.checkpoint import load_encoder
from encoder.decoding import DecodePool


@pytest.fixture(scope="module")
def pool():
    with DecodePool(1) as made:
        yield made


@pytest.fixture(scope="module")
def checkpoint(small_encoder):
    return load_encoder(small_encoder)


@pytest.fixture
def paths(videos, clip):
    clip(videos / "long.mp4", 1, 6)
    clip(videos / "short.mp4", 2, 1)
    (videos / "bad.mp4").write_bytes(b"no video")
    return [str(videos / name) for name in ("long.mp4", "short.mp4", "bad.mp4", "gone.mp4")]


def embed(paths, checkpoint, pool, kept=None):
    failed = {}
    found = dict(clip_embeddings(paths, checkpoint, pool, kept or Kept(None), failed))
    return found, failed


def test_a_video_has_ten_clips_a_short_one_fewer_and_what_cannot_be_read_none(paths, checkpoint, pool):
    found, failed = embed(paths, checkpoint, pool)
    assert {path: None if arrays is None else len(arrays["clips"]) for path, arrays in found.items()} == dict(
        zip(paths, [10, 1, None, None], strict=True)
    )
    assert set(failed) == set(paths[2:])
    assert failed[paths[3]] == "no such file"


def test_a_video_is_embedded_alike_whatever_is_embedded_with_it(paths, checkpoint, pool):
    alone, _ = embed(paths[:1], checkpoint, pool)
    together, _ = embed(paths[::-1], checkpoint, pool)
    assert np.array_equal(alone[paths[0]]["clips"], together[paths[0]]["clips"])


def test_a_video_of_many_clips_is_taken_in_equal_parts(paths, checkpoint, pool, monkeypatch):
    whole, _ = embed(paths[:1], checkpoint, pool)
    monkeypatch.setattr(features, "_AT_ONCE", 4)
    parts = []
    monkeypatch.setattr(
        type(checkpoint), "embed", property(lambda self: lambda clips: parts.append(len(clips)) or clips[:, 0, 0, 0])
    )
    found, _ = embed(paths[:1], checkpoint, pool)
    assert parts == [4, 4, 2]
    assert len(found[paths[0]]["clips"]) == len(whole[paths[0]]["clips"])


def test_each_baseline_makes_one_vector_of_a_video(paths, pool):
    failed = {}
    found = dict(trivial_features(paths, pool, Kept(None), failed))
    assert set(found[paths[0]]) == set(BASELINES)
    assert {len(rows) for rows in found[paths[0]].values()} == {1}
    assert found[paths[2]] is None


def test_what_is_kept_is_not_made_again_until_the_file_changes(paths, checkpoint, pool, tmp_path, clip, monkeypatch):
    first, _ = embed(paths[:1], checkpoint, pool, Kept(tmp_path / "kept"))
    with monkeypatch.context() as patched:
        patched.setattr(pool, "decode", lambda jobs: iter(list(jobs)[:0]))
        again, _ = embed(paths[:1], checkpoint, pool, Kept(tmp_path / "kept"))
    assert np.array_equal(first[paths[0]]["clips"], again[paths[0]]["clips"])
    clip(tmp_path / "videos" / "long.mp4", 3, 6)
    changed, _ = embed(paths[:1], checkpoint, pool, Kept(tmp_path / "kept"))
    assert not np.array_equal(first[paths[0]]["clips"], changed[paths[0]]["clips"])


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut off"])
def test_what_was_kept_and_is_damaged_is_made_again(paths, checkpoint, pool, tmp_path, damage):
    first, _ = embed(paths[:1], checkpoint, pool, Kept(tmp_path / "kept"))
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(damage)
    again, _ = embed(paths[:1], checkpoint, pool, Kept(tmp_path / "kept"))
    assert np.array_equal(first[paths[0]]["clips"], again[paths[0]]["clips"])
