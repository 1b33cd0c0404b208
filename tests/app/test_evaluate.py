import json
from pathlib import Path

import pytest
import torch

from app.evaluate import evaluate
from app.manifest import ManifestError, read_manifest
from app.report.document import to_document, to_json
from encoder.baselines import BASELINES
from encoder.checkpoint import load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.decoding import DecodePool
from encoder.model import Encoder


@pytest.fixture(scope="module")
def checkpoint(small_encoder):
    return load_encoder(small_encoder)


@pytest.fixture
def other_encoder(tmp_path):
    path = tmp_path / "other.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        save_encoder(Encoder(EncoderConfig(width=8)), ClipSpec(size=16), path)
    return load_encoder(path)


@pytest.fixture(scope="module")
def pool():
    with DecodePool(1) as made:
        yield made


@pytest.fixture(scope="module")
def folder(moving_video, tmp_path_factory):
    """Two classes of three videos each: each class is one scene at three speeds of the frame rate's choosing."""
    folder = tmp_path_factory.mktemp("labelled")
    for seed in range(2):
        for i, fps in enumerate((12, 15, 10)):
            moving_video(folder / f"{'ab'[seed]}{i}.mp4", 3, seed, fps=fps)
    (folder / "bad.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture
def measure(folder, tmp_path, checkpoint, pool):
    def run(lines, progress=None, seed=0, others=(), work=None):
        path = tmp_path / "manifest.csv"
        head, *rows = lines
        path.write_text("\n".join([head, *(f"{folder}/{row}" for row in rows)]))
        return evaluate(read_manifest(path), checkpoint, pool, "the command", progress, seed, others, work)

    return run


LABELLED = ["path,label", "a0.mp4,a", "a1.mp4,a", "a2.mp4,a", "b0.mp4,b", "b1.mp4,b", "b2.mp4,b"]


def test_the_result_has_what_the_contract_asks_for(measure, checkpoint):
    result = json.loads(json.dumps(to_json(measure(LABELLED))))
    assert (result["clips"], result["classes"], result["failed"]) == (6, 2, [])
    assert set(result["recall"]) == {"1", "5", "10", "20", "50"}
    assert all(0 <= value <= 1 for value in [*result["recall"].values(), result["map"]])
    assert result["encoder"] == checkpoint.name
    assert result["seconds"] > 0
    assert [row["name"] for row in result["baselines"]] == list(BASELINES)


def test_videos_of_one_scene_find_each_other(measure):
    result = measure(LABELLED)
    assert result.judged.report.recall[1] == 1
    assert (result.judged.report.queries, result.judged.report.gallery) == (6, 5)
    assert len({(row.report.queries, row.report.gallery) for row in result.rows}) == 1


def test_a_group_does_not_answer_for_itself(measure):
    head, *rows = LABELLED
    groups = ["g1", "g1", "g2", "g1", "g1", "g2"]
    result = measure([head + ",group", *(f"{row},{group}" for row, group in zip(rows, groups, strict=True))])
    assert result.judged.report.gallery == pytest.approx((4 * 2 + 2 * 4) / 6)
    assert "leave one group out" in result.protocol


def test_queries_search_the_gallery_alone(measure):
    head, *rows = LABELLED
    split = ["query", "gallery", "gallery"] * 2
    result = measure([head + ",split", *(f"{row},{part}" for row, part in zip(rows, split, strict=True))])
    assert (result.judged.report.queries, result.judged.report.gallery) == (2, 4)


def test_files_that_cannot_be_read_are_listed_and_the_rest_is_measured(measure, folder):
    result = measure([*LABELLED, "missing.mp4,a", "bad.mp4,b"])
    failed = {Path(file.path).name: file.reason for file in result.failed}
    assert failed == {
        "bad.mp4": "is not a video file, or is damaged beyond reading",
        "missing.mp4": "no such file",
    }
    assert [Path(file.path).name for file in result.failed] == ["missing.mp4", "bad.mp4"]  # as in the manifest
    assert result.clips == 6


def test_the_same_seed_gives_the_same_bytes(measure):
    mixed = ["path,label", "a0.mp4,x", "a1.mp4,x", "a2.mp4,y", "b0.mp4,y", "b1.mp4,x", "b2.mp4,y"]  # some are missed
    first, second = (to_document(measure([*mixed, "bad.mp4,x", "missing.mp4,y"])) for _ in range(2))
    assert 0 < first["recall"]["1"] < 1
    assert json.dumps(first) == json.dumps(second)


def test_what_was_made_of_the_videos_is_kept_and_gone_on_with(measure, tmp_path, monkeypatch):
    fresh = to_document(measure(LABELLED))
    measure(LABELLED[:5], work=tmp_path / "work")
    decoded = []
    monkeypatch.setattr(DecodePool, "decode", _noting(decoded))
    kept = to_document(measure(LABELLED, work=tmp_path / "work"))
    assert json.dumps(kept) == json.dumps(fresh)
    assert {Path(path).name for path in decoded} == {"b1.mp4", "b2.mp4"}


def _noting(decoded):
    whole = DecodePool.decode

    def decode(pool, jobs):
        jobs = list(jobs)
        decoded.extend(job.path for job in jobs)
        return whole(pool, jobs)

    return decode


def test_clips_of_queries_are_not_in_the_index_that_is_measured(measure):
    head, *rows = LABELLED
    split = ["query", "gallery", "gallery"] * 2
    parted = measure([head + ",split", *(f"{row},{part}" for row, part in zip(rows, split, strict=True))])
    whole = measure(LABELLED)
    assert 0 < parted.lookups[0].measured[0].vectors < whole.lookups[0].measured[0].vectors


def test_the_answers_are_those_that_the_numbers_count(measure):
    result = measure(
        ["path,label", "a0.mp4,x", "a1.mp4,x", "a2.mp4,y", "b0.mp4,y", "b1.mp4,x", "b2.mp4,y", "bad.mp4,x"]
    )
    right = [one.right for one in result.answers]
    assert [str(sample.path)[-6:] for sample in result.samples] == [
        f"{name}.mp4" for name in ["a0", "a1", "a2", "b0", "b1", "b2"]
    ]
    assert sum(right) / len(right) == pytest.approx(result.judged.report.recall[1])


def test_centred_features_are_shown_beside(measure):
    result = measure(["path,label", "a0.mp4,x", "a1.mp4,x", "a2.mp4,y", "b0.mp4,y", "b1.mp4,x", "b2.mp4,y"])
    assert result.centred.name == "encoder, centred"
    assert result.centred.report.map != result.judged.report.map


def test_a_further_encoder_is_compared_with_the_first(measure, checkpoint, other_encoder):
    told = []
    result = measure([*LABELLED, "bad.mp4,b"], lambda done, total: told.append((done, total)), others=[other_encoder])
    (other,) = result.others
    assert (other.name, other.fingerprint) == ("other.safetensors", other_encoder.fingerprint)
    ours, theirs = result.judged.report, other.report
    assert other.lead.map.value == pytest.approx(ours.map - theirs.map)
    assert other.lead.recall_at_1.value == pytest.approx(ours.recall[1] - theirs.recall[1])
    assert told[-1] == (21, 21)
    assert [row["name"] for row in to_json(result)["encoders"]] == ["other.safetensors"]


def test_encoders_of_one_name_are_told_apart_by_their_fingerprint(measure, checkpoint):
    (same,) = measure(LABELLED, others=[checkpoint]).others
    assert same.name == f"{checkpoint.name} ({checkpoint.fingerprint})"
    assert (same.lead.map.value, same.lead.map.p) == (0, 1)


def test_progress_ends_with_everything_done(measure):
    told = []
    measure([*LABELLED, "bad.mp4,b"], lambda done, total: told.append((done, total)))
    assert told[-1] == (14, 14)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_a_manifest_of_which_nothing_can_be_measured_is_refused(measure):
    with pytest.raises(ManifestError, match=r"none of the 2 videos of .* can be read"):
        measure(["path,label", "bad.mp4,a", "missing.mp4,b"])
    with pytest.raises(ManifestError, match="can't be evaluated: "):
        measure(["path,label", "a0.mp4,a", "b0.mp4,b"])
    with pytest.raises(ManifestError, match="can't be evaluated: "):
        measure(["path,label,split", "a0.mp4,a,query", "a1.mp4,a,query"])
