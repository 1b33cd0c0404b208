import json
import os
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from app.evaluate import evaluate
from app.manifest import ManifestError, read_manifest
from benchmarks import candidates, costs, features
from benchmarks.candidates import find_by_baselines, find_by_encoder
from benchmarks.features import Weighing, encoder_features, imagenet_feature, weighings
from benchmarks.pictures import Part, clips_to_encode, stretched_clips, stretched_features
from benchmarks.trials import LONG_S, Trial, find, parts_of_files, spans_of_parts, unseen_videos
from encoder.baselines import BASELINES
from encoder.checkpoint import load_encoder, save_encoder
from encoder.clips import ClipSpec, Span
from encoder.config import EncoderConfig
from encoder.decoding import DecodePool, Job
from encoder.errors import VideoError, WorldError
from encoder.model import Encoder
from encoder.runtime import embed_clips
from encoder.video import probe, read_clips
from training.corpus import Manifest


@pytest.fixture(scope="module")
def pool():
    with DecodePool(1) as made:
        yield made


@pytest.fixture(scope="module")
def encoder(small_encoder):
    return str(small_encoder)


@pytest.fixture(scope="module")
def manifest(moving_video, tmp_path_factory):
    """Two classes by three subjects."""
    folder, rows = tmp_path_factory.mktemp("labelled"), ["path,label,group"]
    for label in range(2):
        for subject in range(3):
            name = f"{label}{subject}.mp4"
            moving_video(folder / name, 3, label, fps=10 + 2 * subject)
            rows.append(f"{name},{'ab'[label]},subject{subject}")
    (folder / "labelled.csv").write_text("\n".join(rows))
    return folder / "labelled.csv"


@pytest.fixture(scope="module")
def sources(moving_video, tmp_path_factory):
    """Two sources of a long file each, and what is to be passed over."""
    folder = tmp_path_factory.mktemp("sources")
    for seed, source in enumerate(("street", "zoo")):
        (folder / source / "deep").mkdir(parents=True)
        moving_video(folder / source / "deep" / "long.mp4", 13, seed, fps=8)
    moving_video(folder / "zoo" / "short.mp4", 2, 3, fps=8)
    moving_video(folder / "zoo" / "again.mp4", 13, 1, fps=8)
    (folder / "zoo" / "notes.txt").write_text("no video")
    return folder


@pytest.fixture
def run(monkeypatch, encoder):
    """Run the command, with little to time, and an untrained network for images."""
    for name, value in {"ROUNDS": 1, "BATCH": 4, "THREADS": 1, "DEFAULT": encoder}.items():
        monkeypatch.setattr(costs, name, value)
    monkeypatch.setattr(candidates, "STILLS", ClipSpec(2, 4, 32))
    monkeypatch.setattr(features, "load_imagenet_weights", lambda network, path: network)

    def main(*arguments):
        monkeypatch.setattr("sys.argv", ["candidates", *map(str, arguments)])
        candidates.main()

    return main


def test_a_candidate_and_the_baselines_score_what_evaluate_says_of_them(manifest, encoder, pool, tmp_path):
    checkpoint = load_encoder(encoder)
    said = evaluate(read_manifest(manifest), checkpoint, pool, "the command")
    trial, own = unseen_videos(Manifest(manifest, ".*")), weighings(checkpoint.config, [], [])
    baselines = find_by_baselines(trial, None, pool, tmp_path)
    ((_, by_encoder),) = find_by_encoder(checkpoint, own, [trial], {"labelled": baselines}, pool, tmp_path).items()
    for row in said.rows:
        found, report = {"encoder": by_encoder["labelled"], **baselines}[row.name], row.report
        assert (found.recall, found.queries, found.chance) == (report.recall, report.queries, report.chance)
        assert found.interval == report.recall_at_1_interval
        assert found.map == pytest.approx(report.map)


def test_only_groups_that_match_as_a_whole_are_measured_on(manifest):
    trial = unseen_videos(Manifest(manifest, "subject[02]|subject"))
    assert [part.path.name for part in trial.parts] == ["00.mp4", "02.mp4", "10.mp4", "12.mp4"]
    assert list(trial.labels) == ["a", "a", "b", "b"]
    assert list(trial.owners) == ["subject0", "subject2"] * 2


def test_a_pattern_that_keeps_no_group_back_is_told(manifest):
    with pytest.raises(ManifestError, match=r"with 'nobody' no group of .*labelled\.csv is left to measure on"):
        unseen_videos(Manifest(manifest, "nobody"))


@pytest.mark.parametrize("weighing", [(0.0, 0.0), (0.3, 0.0), (1.0, 0.0), (0.7, 0.2)])
def test_a_weighing_gives_what_an_encoder_so_weighed_gives(weighing, manifest, encoder, pool, tmp_path):
    checkpoint, wanted = load_encoder(encoder), Weighing(*weighing)
    seen = clips_to_encode(unseen_videos(Manifest(manifest, ".*")).parts, checkpoint.spec, pool, tmp_path)
    other = replace(checkpoint, config=replace(checkpoint.config, motion_weight=wanted[0], still=wanted[1]))
    clips = embed_clips(other.encoder, np.concatenate(list(seen.batches(100))))
    expected = np.stack([clips[seen.videos == video].mean(0) for video in range(6)])
    (found,) = encoder_features(checkpoint, seen, [wanted])
    assert found[0] == wanted
    assert found[1] == pytest.approx(expected, abs=1e-3)


def test_the_own_weighing_comes_first_and_all_others_once():
    config = EncoderConfig(motion_weight=0.8, still=0.1)
    assert weighings(config, [], []) == [(0.8, 0.1)]
    assert weighings(config, [0.5, 0.8], []) == [(0.8, 0.1), (0.5, 0.1)]
    assert weighings(config, [0.5], [0, 0.1]) == [(0.8, 0.1), (0.5, 0), (0.5, 0.1)]


def test_an_encoder_without_look_has_one_weighing(manifest, pool, tmp_path):
    config = EncoderConfig(width=8, look_dim=0, motion_weight=1)
    save_encoder(Encoder(config), ClipSpec(size=32), tmp_path / "motion")
    checkpoint, wanted = load_encoder(tmp_path / "motion"), weighings(config, [0.2, 0.5], [0.1])
    assert wanted == [(1, 0)]
    seen = clips_to_encode([Part(manifest.parent / "00.mp4")], checkpoint.spec, pool, tmp_path)
    ((_, vectors),) = encoder_features(checkpoint, seen, wanted)
    expected = embed_clips(checkpoint.encoder, next(seen.batches(10))).mean(0, keepdims=True)
    assert vectors == pytest.approx(expected, abs=1e-3)


def test_pictures_are_those_that_are_read_from_the_files(sources, pool, tmp_path):
    file, spec = sources / "street" / "deep" / "long.mp4", ClipSpec(frames=4, fps=4, size=16)
    parts = [Part(file, Span(6, 8)), Part(sources / "zoo" / "short.mp4"), Part(file, Span(1, 4))]
    seen = clips_to_encode(parts, spec, pool, tmp_path)
    clips = np.concatenate(list(seen.batches(3)))
    for video, part in enumerate(parts):
        _, starts = Job(str(part.path), spec, part.span, clips=10).clips_of(probe(part.path))
        expected = np.stack([clip.frames for clip in read_clips(part.path, spec, part.span, starts)])
        assert np.array_equal(clips[seen.videos == video], expected)
    assert len(seen.pictures) == 8 + 8 + 12  # each different one once


def test_a_part_is_stretched_over_its_own_span(sources, pool, tmp_path):
    file, spec = sources / "street" / "deep" / "long.mp4", ClipSpec(frames=6, fps=99, size=16)
    parts = [Part(file, Span(1, 4)), Part(file, Span(8, 11))]
    clips = list(stretched_clips(parts, spec, pool, tmp_path).batches(1))
    expected = [next(read_clips(file, replace(spec, fps=2), part.span)).frames for part in parts]
    assert np.array_equal(np.concatenate(clips), expected)
    levels = stretched_features(parts, spec, lambda clips: clips.mean((2, 3, 4)), pool, tmp_path)
    assert np.array_equal(levels, np.mean(expected, (2, 3, 4)))


def test_features_are_made_once_until_they_would_be_others(clip, pool, tmp_path):
    parts, spec = [Part(clip(tmp_path / "a.mp4", 0))], ClipSpec(size=16)

    def mean(clips):
        return clips.mean((1, 2, 3))

    first = stretched_features(parts, spec, mean, pool, tmp_path / "kept")
    assert np.array_equal(stretched_features(parts, spec, mean, None, tmp_path / "kept"), first)
    other = stretched_features(parts, spec, lambda clips: mean(clips) + 1, pool, tmp_path / "kept")
    assert np.array_equal(other, first + 1)


def test_pictures_are_decoded_once_until_a_file_changes(clip, pool, tmp_path):
    path, spec = clip(tmp_path / "a.mp4", 0), ClipSpec(size=16)
    first = clips_to_encode([Part(path)], spec, pool, tmp_path / "kept")
    again = clips_to_encode([Part(path)], spec, None, tmp_path / "kept")
    assert np.array_equal(next(first.batches(10)), next(again.batches(10)))
    os.utime(path, (1, 1))
    with pytest.raises(AttributeError):
        clips_to_encode([Part(path)], spec, None, tmp_path / "kept")


def test_a_video_that_cannot_be_read_stops_the_comparison(pool, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"bad\.mp4: .*; take it out"):
        clips_to_encode([Part(tmp_path / "bad.mp4")], ClipSpec(), pool, tmp_path / "kept")
    assert not list(tmp_path.glob("kept/*"))


@pytest.mark.parametrize(("duration", "length"), [(LONG_S, 2.25), (40, 7.5), (1000, 10), (4, 1.5)])
def test_parts_are_equally_long_and_have_gaps_between_them(duration, length):
    spans = spans_of_parts(duration)
    assert [span.duration for span in spans] == pytest.approx([length] * (4 if duration >= LONG_S else 2))
    assert all(a.end + length / 4 < b.start for a, b in pairwise(spans))
    assert spans[-1].end < duration


def test_long_files_are_cut_and_all_others_passed_over(sources):
    told = []
    trial = parts_of_files(sources, re.compile("zoo/ag"), told.append)
    long = [sources / source / "deep" / "long.mp4" for source in ("street", "zoo")]
    assert [part.path for part in trial.parts] == [path for path in long for _ in range(4)]
    assert list(trial.sources) == ["street"] * 4 + ["zoo"] * 4
    assert trial.labels == trial.owners == [str(part.path) for part in trial.parts]
    assert len(told) == 1
    assert "notes.txt" in told[0]


def test_a_folder_of_one_long_file_is_no_trial(sources):
    with pytest.raises(WorldError, match="must hold two or more videos of 12 s or longer"):
        parts_of_files(sources / "street", re.compile("(?!)"), print)


def test_parts_of_one_file_find_each_other_and_sources_are_counted_apart():
    files = ["a", "a", "b", "b", "c", "c"]
    trial = Trial("files", [Part(Path(f)) for f in files], files, files, False, ["x", "x", "y", "y", "y", "y"])
    vectors = np.eye(6)[[0, 0, 1, 1, 2, 3]] + [[0], [0], [0], [0], [0.1], [0.2]] * np.eye(6)[4]
    vectors[5] += 0.5 * np.eye(6)[1]  # c's second part looks like b, and so does nothing like its first
    found = find(trial, vectors, {})
    assert found.by_source == {"x": 1, "y": (1 + 1 + 1 + 0) / 4}
    assert found.recall[1] == pytest.approx(5 / 6)
    assert found.interval[0] < 5 / 6 < found.interval[1]


def test_what_is_above_a_baseline_is_so_query_by_query():
    labels, owners = ["a", "b"] * 4, [group for group in "uvwx" for _ in range(2)]
    trial = Trial("t", [Part(Path(str(i))) for i in range(8)], labels, owners, leaves_out=True)
    right = np.eye(2)[[0, 1] * 4]
    wrong = find(trial, np.ones((8, 2)), {})  # all tied
    found = find(trial, right, {"ties": wrong, "itself": find(trial, right, {})})
    assert found.above["itself"] == (0, (0, 0))
    assert found.above["ties"] == (0.5, (0.5, 0.5))  # in every group alike, so the interval has no width


def test_the_command_prints_a_table_and_keeps_every_number(run, manifest, sources, encoder, tmp_path, capsys):
    options = ["--manifest", manifest, "subject.", "--sources", sources, "--without", "again", "--share", "0.5,1"]
    run(encoder, *options, "--imagenet", "any.pth", "--out", tmp_path)
    head, _, *lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in [head, *lines]]
    columns = ["labelled, 6 queries", "above", "parts of files, 8 queries", "above", "street", "zoo", "clips/s"]
    assert cells[0][:10] == ["encoder", "share of motion", "still", *columns]
    assert {len(line) for line in cells} == {len(cells[0])}
    assert [line[:3] for line in cells[1:4]] == [
        [encoder, "0.5", "0"],
        [encoder, "1", "0"],
        ["colour histogram", "", ""],
    ]
    assert [line[0] for line in cells[3:]] == [*BASELINES, "ImageNet mean", "chance"]
    kept = json.loads((tmp_path / "candidates.json").read_text())
    assert [row["name"] for row in kept] == [line[0] for line in cells[1:-1]]
    for row, line in zip(kept, cells[1:], strict=False):
        assert line[3].split()[0] == f"{100 * row['found']['labelled']['recall']['1']:.1f}"
        assert line[7] == f"{100 * row['found']['parts of files']['by_source']['street']:.1f}"
    assert [row["config"]["motion_weight"] for row in kept[:2]] == [0.5, 1]
    assert set(kept[0]["found"]["parts of files"]["above"]) == {*BASELINES, "ImageNet mean"}
    assert kept[0]["cost"]["of_shipped"] > 0
    assert f"{kept[0]['cost']['clips_per_s']:.0f}" == cells[1][9]


def test_the_table_shows_the_least_that_an_encoder_is_above_a_baseline():
    labels, owners = ["a", "b"] * 4, [group for group in "uvwx" for _ in range(2)]
    trial = Trial("t", [Part(Path(str(i))) for i in range(8)], labels, owners, leaves_out=True)
    best = find(trial, np.eye(2)[[0, 1] * 4], {})
    found = find(trial, np.ones((8, 2)), {"best": best, "itself": find(trial, np.ones((8, 2)), {})})
    line = candidates.to_markdown([candidates.Row("e", {"t": found})]).splitlines()[2]
    assert line.startswith("| e |  |  | 50.0 [50.0, 50.0] | -50.0 [-50.0, -50.0] |")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--share", "0.5"], "nothing to measure on; give --manifest or --sources"),
        (["--sources", ".", "--share", "0.5,2"], "motion_weight is a share in [0, 1], got 2.0"),
        (["--sources", ".", "--still", "-1"], "still is a difference of zero or more, got -1"),
        (["--sources", ".", "--without", "("], "'(' is no regular expression"),
        (["--manifest", "a.csv", "x", "--manifest", "b/a.csv", "x"], "results go by a manifest's name; rename one"),
        (["--manifest", "a.csv", "("], "groups are kept back by a regular expression, got '('"),
    ],
)
def test_a_wrong_command_line_is_told(arguments, said, run, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("default", *arguments)
    assert said in capsys.readouterr().err


def test_a_missing_file_is_told_in_a_sentence(run, encoder, tmp_path):
    (tmp_path / "list.csv").write_text("path,label,group\ngone.mp4,a,one\n")
    with pytest.raises(SystemExit, match=r"gone\.mp4: No such file"):
        run(encoder, "--manifest", tmp_path / "list.csv", "one")


def test_the_network_for_images_sees_frames_and_not_their_order(monkeypatch, tmp_path):
    monkeypatch.setattr(features, "load_imagenet_weights", lambda network, path: network)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        feature = imagenet_feature(tmp_path)
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64, 3), np.uint8)
    found = feature(clips)
    assert found.shape == (2, 320)
    assert np.abs(found[0] - found[1]).max() > 0.01
    for others in (clips[:, ::-1].copy(), clips.repeat(2, axis=1)):
        assert feature(others) == pytest.approx(found, abs=1e-5)
    apart = np.mean([feature(clips[:, [frame]]) for frame in range(3)], axis=0)
    assert found == pytest.approx(apart, abs=1e-5)
