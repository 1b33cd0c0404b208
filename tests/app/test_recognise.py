import json
from dataclasses import replace

import numpy as np
import pytest

from app.manifest import ManifestError, read_manifest
from app.recognise import recognise_by_finetuning, recognise_by_probe
from app.report.recognition_document import to_csv, to_document
from app.report.recognition_markdown import to_markdown
from app.report.recognition_page import to_html
from app.report.verdict import recognition_verdict
from app.report.write import write_recognition
from encoder.baselines import BASELINES
from encoder.checkpoint import load_encoder
from encoder.decoding import DecodePool
from training.errors import TrainingError


@pytest.fixture(scope="module")
def checkpoint(small_encoder):
    return load_encoder(small_encoder)


@pytest.fixture(scope="module")
def pool():
    with DecodePool(1) as made:
        yield made


@pytest.fixture(scope="module")
def folder(moving_video, tmp_path_factory):
    """Two scenes at four speeds of the frame rate's choosing."""
    folder = tmp_path_factory.mktemp("labelled")
    for seed in range(2):
        for place, fps in enumerate((12, 15, 10, 11)):
            moving_video(folder / f"{'ab'[seed]}{place}.mp4", 2, seed, fps=fps)
    (folder / "bad.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Features are kept here, so that they are made once for all tests."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def manifest(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("manifest") / "<list>.csv"

    def made(header, *rows):
        path.write_text("\n".join([header, *(f"{folder}/{row}" for row in rows)]))
        return read_manifest(path)

    return made


GROUPED = [f"{label}{place}.mp4,{label},g{place}" for label in "ab" for place in range(4)]
SPLIT = [f"{label}{place}.mp4,{label},{'query' if place == 3 else 'gallery'}" for label in "ab" for place in range(4)]


@pytest.fixture(scope="module")
def probe(manifest, checkpoint, pool, work):
    def run(header, *rows, told=None, seeds=1):
        tell = (lambda *step: told.append(step)) if told is not None else lambda *_: None
        return recognise_by_probe(manifest(header, *rows), checkpoint, pool, "the command", tell, seeds, work=work)

    return run


@pytest.fixture(scope="module")
def found(probe):
    return probe("path,label,group", *GROUPED, "bad.mp4,a,g9", seeds=2)


def test_groups_are_divided_and_each_video_is_tested_once(found):
    assert (found.folds, found.seeds, found.judged.report.videos, found.owners) == (4, 2, 8, 4)
    assert [row.name for row in found.shown] == ["encoder", *BASELINES]
    assert found.protocol == (
        "The groups, such as people or recordings, are divided into 4 parts; "
        "each is tested by what is learnt of the others."
    )
    assert found.judged.report.top[1] == 1
    assert [failed.reason for failed in found.failed] == ["is not a video file, or is damaged beyond reading"]


def test_of_a_split_the_queries_alone_are_tested(probe):
    told = []
    found = probe("path,label,split", *SPLIT, told=told)
    assert told[-1] == ("classifiers", 5, 5)
    assert told[15] == ("passes over the videos", 16, 16)
    assert (found.folds, found.judged.report.videos) == (1, 2)
    assert found.protocol == "Learnt from the 6 videos of split `gallery`, tested on the 2 of split `query`."
    assert {sample.path.name for sample in found.samples} == {"a3.mp4", "b3.mp4"}


def test_a_class_that_is_nowhere_learnt_is_left_out(probe):
    rows = [row.replace("a3.mp4,a", "a3.mp4,c") for row in GROUPED]
    found = probe("path,label,group", *rows)
    assert (found.untested, found.judged.report.videos) == (1, 7)


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("path,label,group", ["a0.mp4,a,x", "b0.mp4,b,x"], "can't be measured: what is learnt of some groups"),
        ("path,label,group", ["a0.mp4,a,x", "b0.mp4,b,y"], "no class is both learnt from and tested"),
        ("path,label", ["a0.mp4,a", "a1.mp4,a"], "of what can be read there are 1 classes"),
        ("path,label", ["bad.mp4,a", "gone.mp4,b"], "of what can be read there are 0 classes"),
    ],
)
def test_what_cannot_be_measured_is_refused(probe, header, rows, message):
    with pytest.raises(ManifestError, match=message):
        probe(header, *rows)


def test_the_same_videos_give_the_same_bytes_whatever_is_kept(found, manifest, checkpoint, pool):
    rows = manifest("path,label,group", *GROUPED, "bad.mp4,a,g9")
    fresh = recognise_by_probe(rows, checkpoint, pool, "the command", lambda *_: None, 2)
    assert json.dumps(to_document(found)) == json.dumps(to_document(fresh))


def test_fine_tuning_has_the_probes_beside_it(manifest, checkpoint, pool, work, monkeypatch):
    seen = []

    def scores(self, folds, seeds, report):
        seen.append((self.schedule.epochs, [self.frames[row].shape for row in folds[0].test]))
        return [[np.eye(2)[[self.truth[row] for row in fold.test]] for fold in folds] for _ in range(seeds)]

    monkeypatch.setattr("training.tuned_folds.TunedFolds.scores", scores)
    found = recognise_by_finetuning(
        manifest("path,label,split", *SPLIT), checkpoint, pool, "c", lambda *_: None, work=work, epochs=3
    )
    assert [row.name for row in found.shown] == ["fine-tuned", "linear probe", *BASELINES]
    assert found.judged.report.top[1] == 1
    assert seen == [(3, [(16, 37, 37, 3)] * 2)]
    assert "3 epochs" in found.method
    assert recognition_verdict(found).startswith("The right class is named for 100.0 % of the videos")


@pytest.mark.parametrize("device", ["nowhere", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_before_anything_is_read(manifest, checkpoint, device):
    rows = manifest("path,label,split", *SPLIT)
    with pytest.raises(TrainingError, match=f"device '{device}' can't be used here; give cpu"):
        recognise_by_finetuning(rows, checkpoint, None, "c", lambda *_: None, device=device)


# Reports


def test_the_document_counts_what_the_csv_lists(found):
    document, lines = to_document(found), to_csv(found).splitlines()
    assert lines[0] == "path,label,group,named,score,rank"
    right = sum(line.split(",")[1] == line.split(",")[3] for line in lines[1:])
    assert right == np.trace(document["confusion"]["counts"])
    assert (document["videos"], document["classes"], len(document["beside"])) == (8, 2, 4)
    assert document["chance"] == {"1": 0.5, "5": 1.0}


def test_every_row_is_in_the_markdown_and_in_the_page(found):
    for text in (to_markdown(found), to_html(found)):
        for name in ("encoder", *BASELINES, "chance"):
            assert name in text
        assert recognition_verdict(found) in text.replace("\u00a0", " ")


def test_names_and_labels_are_escaped(probe):
    rows = [row.replace(",a,", ",<b>a|b,").replace(",b,", ",</script>,") for row in GROUPED]
    found = probe("path,label,group", *rows)
    assert "<b>" not in to_html(found)
    assert "</script>" not in to_html(found)
    assert "| <b>" not in to_markdown(found)


def test_of_one_seed_there_is_no_spread(probe):
    found = probe("path,label,split", *SPLIT)
    assert to_document(found)["spread"] is None
    page = to_html(found)
    assert "±" not in page
    assert "etween seeds" not in page


def test_a_row_that_is_not_compared_is_refused(found):
    with pytest.raises(ValueError, match=r"must be compared with it, but not \['mean frame'\]"):
        replace(found, beside=[replace(found.beside[1], lead=None)])


def test_a_report_has_every_form(found, tmp_path):
    assert write_recognition(found, tmp_path / "report") == tmp_path / "report" / "report.html"
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "report.html", "report.md", "report.json", "videos.csv",
    }  # fmt: skip
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == json.loads(json.dumps(to_document(found)))
