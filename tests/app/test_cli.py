import base64
import errno
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import torch

from app.accounts import Accounts
from app.cli import main
from encoder.checkpoint import load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.decoding import DecodePool
from encoder.model import Encoder
from indexer.library import Library

PROGRAM = [sys.executable, "-c", "from app.cli import main; main()"]


class SharedPool(DecodePool):
    """Decoders that outlive the `with` of one command: starting them is what takes the time of a small test."""

    def close(self):
        pass


@pytest.fixture(scope="module", autouse=True)
def pool():
    shared = SharedPool(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.library.DecodePool", lambda *_: shared)
        patch.setattr("encoder.decoding.DecodePool", lambda *_: shared)
        yield shared
    DecodePool.close(shared)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """Two small encoders with random weights."""
    paths = []
    for seed in range(2):
        paths.append(tmp_path_factory.mktemp("encoder") / f"{seed}.safetensors")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            save_encoder(Encoder(EncoderConfig(width=8)), ClipSpec(size=32), paths[-1])
    return paths


@pytest.fixture(scope="module")
def videos(moving_video, tmp_path_factory):
    """Three videos, a copy, and a file that is none."""
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(3):
        moving_video(folder / f"{seed}.mp4", 5, seed, fps=12)
    shutil.copy(folder / "2.mp4", folder / "copy.mp4")
    (folder / "bad.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """run("status") is `reelseek status`: (exit status, stdout, stderr), with the library in REELSEEK_LIBRARY."""
    monkeypatch.setenv("REELSEEK_LIBRARY", str(tmp_path / "library"))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def command(*args):
        monkeypatch.setattr(sys, "argv", ["reelseek", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return ended.value.code or 0, out, err

    yield command
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def made(videos, encoders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "library"
    with Library.create(folder, load_encoder(encoders[0])) as library:
        library.add([videos])
    return folder


@pytest.fixture
def filled(made, run, tmp_path):
    """The library at REELSEEK_LIBRARY holds those videos."""
    return shutil.copytree(made, tmp_path / "library")


def sentence(result, status=1):
    """The one sentence on stderr that a command ended with, stdout being empty."""
    code, out, err = result
    assert (code, out) == (status, "")
    assert err.count("\n") == 1, err
    return err.strip()


def usage(result):
    """The last line of what a wrong command line is answered with."""
    code, out, err = result
    assert (code, out) == (2, "")
    return err.strip().splitlines()[-1]


# What commands print


def test_index_prints_the_counts_of_the_contract(run, videos, encoders):
    code, out, err = run("index", videos, "--encoder", encoders[0], "--json")
    result = json.loads(out)
    assert code == 0
    assert err == f"{videos / 'bad.mp4'}: is not a video file, or is damaged beyond reading\n"
    assert list(result) == [
        "indexed", "unchanged", "moved", "copies", "removed", "failed", "clips", "video_seconds", "seconds"
    ]  # fmt: skip
    assert (result["indexed"], result["copies"], result["clips"], result["video_seconds"]) == (3, 1, 12, 15)
    assert result["failed"] == [
        {"path": str(videos / "bad.mp4"), "reason": "is not a video file, or is damaged beyond reading"}
    ]
    code, out, err = run("index", videos)  # with the encoder it has
    assert (code, err) == (0, "")
    assert out.startswith("0 indexed, 4 unchanged, 0 moved, 0 copies, 0 removed, 1 failed\n")
    assert "bad.mp4: is not a video file" in out


def test_search_prints_one_row_a_video_best_first(run, filled, videos):
    code, out, err = run("search", videos / "1.mp4", "--json")
    rows = json.loads(out)
    assert (code, err, len(rows)) == (0, "", 3)
    best = rows[0]
    assert {"path", "score", "start", "end", "query_start", "query_end", "segments"} <= best.keys()
    assert (best["path"], best["start"], best["end"]) == (str(videos / "1.mp4"), 0, pytest.approx(5, abs=0.1))
    times = ("score", "start", "end", "query_start", "query_end", "tempo")
    assert best["segments"][0] == {key: best[key] for key in times}
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    code, out, err = run("search", videos / "1.mp4", "--start", 1, "--end", 4, "-k", 1)
    assert (code, err) == (0, "")
    assert out.startswith(f" 1.000  0:01.0 - 0:04.0  {videos / '1.mp4'}\n")


def test_a_search_takes_several_examples_filters_and_pages(run, filled, videos):
    (whole,) = [json.loads(run("search", videos / "1.mp4", "-k", 3, "--json")[1])]
    pages = [json.loads(run("search", videos / "1.mp4", "-k", 2, "--offset", at, "--json")[1]) for at in (0, 2)]
    assert [row for page in pages for row in page] == whole
    code, out, err = run("search", f"library:{whole[0]['video']}@1-4", "-k", 1)
    assert (code, out, err) == (0, f" 1.000  0:01.0 - 0:04.0  {videos / '1.mp4'}\n", "")
    both = ["search", videos / "0.mp4", f"{videos / '1.mp4'}@0-3", "--unlike", videos / "0.mp4"]
    rows = json.loads(run(*both, "--like", videos / "1.mp4", "--json")[1])
    assert (rows[0]["path"], rows[-1]["path"]) == (str(videos / "1.mp4"), str(videos / "0.mp4"))
    assert {segment["example"] for row in rows for segment in row["segments"]} <= {0, 1, 2}
    out = run("search", f"{videos / '1.mp4'}@0-2", f"{videos / '1.mp4'}@3-5", "-k", 1)[1]
    assert re.fullmatch(r" 1\.000 .*1\.mp4\n.* also there \(example [12]\)\n", out)


def test_a_search_that_finds_nothing_says_why(run, filled, videos):
    for filters in (["--folder", videos / "none"], ["--min-height", 49], ["--until", "2020-02-29"]):
        assert json.loads(run("search", videos / "1.mp4", *filters, "--json")[1]) == []
        code, out, err = run("search", videos / "1.mp4", *filters)
        assert (code, out, err) == (0, "", f"no video of library {filled} passes the filters\n")
    assert (
        len(json.loads(run("search", videos / "1.mp4", "--since", "2020-02-29", "--max-duration", 5, "--json")[1])) == 3
    )
    assert run("search", videos / "1.mp4", "--offset", 3) == (0, "", "there are no more than 3 results\n")
    assert "the library has no video 99" in sentence(run("search", "library:99"))


def test_status_prints_totals_and_failures(run, filled, videos, encoders):
    code, out, _ = run("status", "--json")
    result = json.loads(out)
    assert code == 0
    assert (result["videos"], result["files"], result["clips"], result["video_seconds"]) == (3, 4, 12, 15)
    assert [failure["path"] for failure in result["failed"]] == [str(videos / "bad.mp4")]
    assert result["encoder"]["name"] == "0.safetensors"
    assert re.fullmatch(r"exact search over \d+ clips \(.* MB\); approximate above 50,000; up to date", result["cache"])
    code, out, err = run("status")
    assert (code, err) == (0, "")
    assert "videos    3 in 4 files, 0:15.0\n" in out
    assert "bad.mp4: is not a video file" in out


def test_duplicates_prints_groups(run, filled, videos):
    files = [str(videos / "2.mp4"), str(videos / "copy.mp4")]
    group = {"kind": "identical", "files": files, "segments": []}
    code, out, err = run("duplicates", "--identical", "--json")
    assert (code, json.loads(out), err) == (0, [group], "")
    assert group in json.loads(run("duplicates", "--json")[1])
    code, out, err = run("duplicates", "--identical")
    assert (code, err) == (0, "1 groups of identical files\n")
    assert out == f"2 files: the same bytes\n  1  {files[0]}\n  2  {files[1]}\n\n"
    assert run("duplicates")[2].endswith("groups of files that are the same or share footage\n")


def test_coverage_prints_and_draws_which_parts_are_found_where(run, filled, videos, tmp_path):
    code, out, err = run("coverage", videos / "1.mp4", "--in", videos / "1.mp4", "--picture", tmp_path / "a.svg")
    assert (code, err) == (0, f"picture written to {tmp_path / 'a.svg'}\n")
    assert out.splitlines() == [
        f"0:05.0 of 0:05.0 (100%) of {videos / '1.mp4'} is found elsewhere",
        f"  {videos / '1.mp4'}",
        "    0:00.0 - 0:05.0  =  0:00.0 - 0:05.0",
    ]
    assert (tmp_path / "a.svg").exists()
    result = json.loads(run("coverage", videos / "1.mp4", "--in", videos / "0.mp4", videos / "2.mp4", "--json")[1])
    assert (result["path"], result["covered"], result["sources"]) == (str(videos / "1.mp4"), 0, [])
    assert sentence(run("coverage", videos / "none.mp4")) == f"{videos / 'none.mp4'}: no such file"
    assert "library:99" in sentence(run("coverage", "library:99"))


def test_remove_prints_how_many(run, filled, videos):
    assert run("remove", videos / "0.mp4", "--json") == (0, '{\n  "removed": 1\n}\n', "")
    assert run("remove", videos) == (0, "4 files removed from the library\n", "")
    assert json.loads(run("search", videos / "0.mp4", "--json")[1]) == []
    code, out, err = run("search", videos / "0.mp4")
    assert (code, out) == (0, "")
    assert "is empty; fill it with: reelseek index FOLDER" in err


def test_verify_prints_what_is_wrong_and_what_was_mended(run, filled):
    assert run("verify") == (0, "the library is sound\n", "")
    with closing(sqlite3.connect(filled / "catalog.sqlite")) as connection, connection:
        connection.execute("DELETE FROM clip WHERE video_id = 1")
    code, out, err = run("verify", "--json")
    result = json.loads(out)
    assert (code, result["ok"], len(result["problems"]), result["repaired"]) == (1, False, 2, [])
    assert err == f"library {filled} has 2 problems; mend it with: reelseek verify --repair\n"
    code, out, err = run("verify", "--repair")
    assert (code, err) == (0, "")
    assert out.startswith("repaired: ")
    assert out.endswith("the library is sound\n")


def test_evaluate_prints_the_numbers_of_the_contract(run, videos, encoders, tmp_path):
    manifest = tmp_path / "m.csv"
    labels = {"0": "a", "1": "a", "2": "b", "copy": "b", "bad": "b"}
    manifest.write_text("path,label\n" + "".join(f"{videos}/{name}.mp4,{labels[name]}\n" for name in labels))
    code, out, err = run("evaluate", manifest, "--encoder", encoders[0], "--report", tmp_path / "report", "--json")
    result = json.loads(out)
    assert code == 0
    assert {"clips", "classes", "recall", "map", "failed", "encoder", "seconds"} <= result.keys()
    assert (result["clips"], result["classes"], len(result["failed"])) == (4, 2, 1)
    assert f"report written to {tmp_path / 'report' / 'report.html'}" in err
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert written == {"report.html", "report.md", "report.json", "queries.csv", "recall.png"}


def test_sample_prints_the_manifest(run, tmp_path, monkeypatch):
    def write(folder, progress):
        progress(1, 1)
        return folder / "manifest.csv"

    monkeypatch.setattr("training.collection.write_collection", write)
    assert run("sample", tmp_path / "new") == (0, f"{tmp_path / 'new' / 'manifest.csv'}\n", "")


def test_manifest_reads_a_sets_own_split_files(run, tmp_path):
    for name in ("1.webm", "2.webm"):
        (tmp_path / name).touch()
    (tmp_path / "labels.json").write_text('{"Opening something": "1"}')
    for name, number in (("train", 1), ("validation", 2)):
        (tmp_path / f"{name}.json").write_text(f'[{{"id": "{number}", "template": "Opening [something]"}}]')
    out = tmp_path / "made.csv"
    status, told, said = run("manifest", "something", tmp_path, "--splits", tmp_path, "--out", out)
    assert (status, told) == (0, f"{out}\n")
    assert said == "1 videos to train on, 1 to test on, 1 classes; which videos share a source is unknown\n"
    (tmp_path / "1.webm").rename(tmp_path / "7.webm")
    status, told, said = run("manifest", "something", tmp_path, "--splits", tmp_path, "--out", out)
    assert (status, told) == (1, "")
    assert said.startswith(f"none of the 1 videos of {tmp_path / 'train.json'} is in {tmp_path} or the folders right")


def test_recognise_writes_a_report_and_prints_one_document(run, videos, encoders, tmp_path):
    rows = [f"{videos / name}.mp4,{label},{split}" for name, label, split in
            [("0", "a", "gallery"), ("1", "b", "gallery"), ("copy", "a", "query"), ("2", "b", "query")]]  # fmt: skip
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(["path,label,split", *rows]))
    out = tmp_path / "report"
    status, told, said = run(
        "recognise", manifest, "--encoder", encoders[0], "--seeds", 1, "--report", out, "--workers", 1, "--json"
    )
    assert (status, json.loads(told)["videos"]) == (0, 2)
    assert f"report written to {out / 'report.html'}; {out / 'work'} is kept work and may be deleted" in said
    assert "--seeds 1 --folds 10" in json.loads(told)["command"]
    assert {path.name for path in out.iterdir()} == {"report.html", "report.md", "report.json", "videos.csv", "work"}


def test_status_measures_the_index(run, filled):
    status, told, _ = run("status", "--measure", "--json")
    found = json.loads(told)["measured"]
    assert (status, found["recall"], found["vectors"]) == (0, 1.0, json.loads(told)["clips"])
    status, told, _ = run("status", "--measure")
    assert "measured  100.0% of the ten nearest clips found, " in told
    assert "measured" not in run("status")[1]


# Where the world is at fault


@pytest.mark.parametrize(
    "args", [["search", "CLIP"], ["status"], ["verify"], ["verify", "--repair"], ["remove", "CLIP"], ["duplicates"]]
)
def test_without_a_library_the_sentence_says_how_to_make_one(run, videos, tmp_path, args):
    args = [videos / "0.mp4" if arg == "CLIP" else arg for arg in args]
    folder = tmp_path / "library"
    expected = f"{folder} holds no library; make one with: reelseek index FOLDER --library {folder}"
    assert sentence(run(*args)) == expected
    assert sentence(run(*args, "--json")) == expected


def test_missing_and_wrong_inputs_are_one_sentence(run, filled, videos, encoders, tmp_path):
    missing = tmp_path / "no such thing"
    assert sentence(run("index", missing)) == f"{missing}: no such file or folder"
    assert sentence(run("search", missing)) == f"{missing}: no such file"
    assert sentence(run("search", videos)) == f"{videos}: is a folder, not a video file"
    assert sentence(run("search", videos / "bad.mp4")).endswith("is not a video file, or is damaged beyond reading")
    assert "nothing lies at or after 60 s" in sentence(run("search", videos / "0.mp4", "--start", 60))
    assert sentence(run("remove", missing)).startswith(f"{missing} is not in library {filled}")
    assert sentence(run("index", videos, "--encoder", missing)).startswith(f"no encoder '{missing}': give a checkpoint")
    assert "is not an encoder checkpoint" in sentence(run("index", videos, "--encoder", videos / "0.mp4"))
    assert "is not an encoder checkpoint" in sentence(run("index", videos, "--encoder", videos))
    assert "was built by encoder" in sentence(run("index", videos, "--encoder", encoders[1]))
    inside_a_file = run("index", videos, "--library", videos / "0.mp4" / "x", "--encoder", encoders[0])
    assert sentence(inside_a_file).endswith("is a file or lies in one; give a folder")
    assert sentence(run("sample", videos / "0.mp4")).endswith("is a file or lies in one; give a folder")


def test_a_mistyped_folder_makes_no_library(run, tmp_path):
    run("index", tmp_path / "typo")
    assert not (tmp_path / "library").exists()


def test_train_writes_an_encoder_that_index_takes(run, videos, tmp_path):
    code, out, err = run(
        "train", "tiny", "--videos", videos, "--out", tmp_path / "run", "--steps", 1, "--batch", 3, "--device", "cpu"
    )
    assert (code, out) == (0, f"{tmp_path / 'run' / 'encoder.safetensors'}\n")
    assert "use it with: reelseek index" in err
    code, out, _ = run("index", videos, "--encoder", tmp_path / "run" / "encoder.safetensors", "--json")
    assert (code, json.loads(out)["indexed"]) == (0, 3)


def test_training_on_the_wrong_things_is_refused_in_a_sentence(run, videos, tmp_path):
    missing = tmp_path / "missing"
    (tmp_path / "none").mkdir()
    train = ("train", "tiny", "--out", tmp_path / "run", "--videos")
    assert sentence(run(*train, missing)) == f"{missing}: no such file or folder"
    assert sentence(run(*train, tmp_path / "none")).startswith(f"no video found under {tmp_path / 'none'}")
    assert sentence(run(*train, videos / "bad.mp4")).startswith("none of the 1 files given to train on can be read")
    assert not (tmp_path / "run").exists()
    assert sentence(run(*train, videos / "0.mp4")).startswith("only one video can be read")
    refused = run(*train, videos)  # after the one file that can't be read is named
    assert refused[2].splitlines()[-1] == "a batch of 16 is larger than the 4 videos; pass --batch 4 or less"
    assert refused[0] == 1
    assert not (tmp_path / "run" / "state.pt").exists()
    assert run("train", "ucf101_s3d", "--videos", videos, "--out", missing)[0] == 2
    assert run(*train, videos, "--split", videos / "bad.mp4")[0] == 2
    assert run("train", "nonsense", "--videos", videos, "--out", missing)[0] == 2


def test_wrong_manifests_are_one_sentence(run, videos, encoders, tmp_path):
    def evaluate(path):
        return sentence(run("evaluate", path, "--encoder", encoders[0]))

    (tmp_path / "empty.csv").touch()
    (tmp_path / "header.csv").write_text("path,label\n")
    (tmp_path / "none.csv").write_text("path,label\na.mp4,a\nb.mp4,b\n")
    assert "no such file or directory; give a manifest CSV" in evaluate(tmp_path / "missing.csv")
    assert "is a directory; give a manifest CSV" in evaluate(videos)
    assert "is no manifest" in evaluate(tmp_path / "empty.csv")
    assert "lists no videos" in evaluate(tmp_path / "header.csv")
    assert "none of the 2 videos of" in evaluate(tmp_path / "none.csv")
    assert "is no CSV in UTF-8" in evaluate(videos / "0.mp4")


def test_a_full_disk_under_the_cache_is_a_sentence_after_the_results(run, filled, videos, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        code, out, err = run("remove", videos / "0.mp4", "--json")
        assert (code, json.loads(out)) == (1, {"removed": 1})
        assert "vectors.faiss could not be written (No space left on device)" in err
        code, out, err = run("index", videos, "--json")
        assert (code, json.loads(out)["indexed"]) == (1, 1)
        assert "could not be written" in err.splitlines()[-1]
        code, out, err = run("search", videos / "0.mp4", "--json")
        assert (code, json.loads(out)[0]["path"]) == (0, str(videos / "0.mp4"))
    assert run("verify") == (0, "the library is sound\n", "")


def test_a_damaged_catalog_is_one_sentence(run, filled, videos):
    damaged = bytearray((filled / "catalog.sqlite").read_bytes())
    for page in range(3, len(damaged) // 4096):
        damaged[4096 * page : 4096 * (page + 1)] = b"\x55" * 4096
    (filled / "catalog.sqlite").write_bytes(damaged)
    for args in (["status"], ["search", videos / "0.mp4"], ["duplicates"], ["index", videos]):
        assert "catalog" in sentence(run(*args))
    code, _, err = run("verify")
    assert code == 1
    assert err.count("\n") == 1


def test_names_that_are_no_text_are_printed_and_do_not_stop_anything(run, videos, encoders, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    shutil.copy(videos / "0.mp4", os.fsencode(folder) + b"/\xff.mp4")
    code, out, err = run("index", folder, "--encoder", encoders[0], "--json")
    assert (code, len(json.loads(out)["failed"])) == (0, 1)
    assert r"\udcff.mp4: its name is not valid Unicode; rename it" in err
    code, out, _ = run("index", folder)
    assert r"\udcff.mp4: its name is not valid Unicode; rename it" in out
    assert sentence(run("remove", os.fsdecode(os.fsencode(folder) + b"/\xff.mp4"))).startswith(str(folder))


# Where the command line is wrong


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["search", "x", "--start", "3", "--end", "2"], "--start 3 must be before --end 2"),
        (["search", "x", "--start", "3", "--end", "3"], "--start 3 must be before --end 3"),
        (["search", "x", "--end", "0"], "--start 0 must be before --end 0"),
        (["search", "x", "--start", "nan"], "--start"),
        (["search", "x", "--start", "inf"], "--start inf must be before"),
        (["search", "x", "--start", "-1"], "--start"),
        (["search", "x", "-k", "0"], "-k"),
        (["search", "x", "--offset", "-1"], "--offset"),
        (["search", "x@1-2", "--end", "3"], "x@1-2 names its part already"),
        (["search", "x", "--unlike", "y@2-1"], "--start 2 must be before --end 1"),
        (["search", "x", "--since", "May"], "'May' is no date; write YYYY-MM-DD"),
        (["search", "x", "--min-height", "9", "--max-height", "8"], "the least height must not be above"),
        (["search", "x", "--min-duration", "nan"], "--min-duration"),
        (["coverage", "x", "--picture", "x.gif"], "--picture x.gif must end in .png or .svg"),
        (["search"], "Missing argument"),
        (["index"], "Missing argument"),
        (["index", "x", "--workers", "0"], "--workers"),
        (["index", "x", "--nonsense"], "No such option: --nonsense"),
        (["evaluate", "x", "--workers", "many"], "--workers"),
        (["nonsense"], "No such command 'nonsense'"),
        (["serve", "--auth", "anna"], "--auth takes USER:PASSWORD"),
        (["serve", "--host", "0.0.0.0"], "needs --auth USER:PASSWORD"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_done(run, tmp_path, args, said):
    assert said in usage(run(*args))
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("WORKERS", "many"), ("WORKERS", "0"), ("STALL_S", "-1"), ("STALL_S", "soon")]
)
def test_a_wrong_environment_variable_is_named(run, videos, monkeypatch, name, value):
    monkeypatch.setenv(f"REELSEEK_{name}", value)
    for args in (["index", videos], ["status", "--json"], ["evaluate", "x"]):
        assert f"REELSEEK_{name}: " in usage(run(*args))


# Signals and pipes, in a process of its own


def start(*args, **how):
    return subprocess.Popen(
        [*PROGRAM, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_so_and_goes_on_from_there(run, moving_video, encoders, tmp_path, number):
    folder = tmp_path / "films"
    folder.mkdir()
    long = moving_video(folder / "00.mp4", 60, 1, fps=12).read_bytes()
    for i in range(1, 40):
        (folder / f"{i:02}.mp4").write_bytes(long + bytes(i))  # other content, no less a video
    process = start("index", folder, "--encoder", encoders[0], "--workers", 1, start_new_session=True)
    deadline = time.monotonic() + 60
    while not committed(tmp_path / "library") and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, number)  # as a terminal does it: to the decoders too
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err == "stopped; what was done so far is kept, and the same command goes on from there\n"
    done = committed(tmp_path / "library")
    assert 1 <= done < 40
    for path in sorted(folder.iterdir())[done + 2 :]:
        path.unlink()
    code, out, _ = run("index", folder, "--json")
    result = json.loads(out)
    assert (code, result["unchanged"], result["indexed"]) == (0, done, 2)
    assert run("verify")[0] == 0


def committed(folder):
    """How many videos a library has, seen from outside."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/catalog.sqlite?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM video").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet
        return 0


def test_a_reader_that_goes_away_early_is_no_error_worth_a_word(run, filled):
    process = start("status", "--json")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 1


def test_the_program_starts_without_the_heavy_modules():
    script = "import sys, app.cli; print({'torch', 'faiss', 'av', 'gradio', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# Accounts


def test_an_account_is_printed_as_a_line_that_the_server_takes(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("s:cret\n"))
    code, out, err = run("account", "ann")
    assert (code, err) == (0, "")
    (tmp_path / "accounts").write_text(out)
    given = base64.b64encode(b"ann:s:cret").decode()
    assert Accounts.of([], tmp_path / "accounts").user(f"Basic {given}") == "ann"
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert sentence(run("account", "ann")) == "no password came in; type one, or pipe it in"
    assert "'a:b' can't be a name" in usage(run("account", "a:b"))


def test_a_file_of_accounts_that_can_not_be_read_is_one_sentence(run, tmp_path):
    assert "none: No such file" in sentence(run("serve", "--auth-file", tmp_path / "none"))
