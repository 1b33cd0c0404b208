import errno
import json
import os

import pytest


@pytest.mark.parametrize(
    "args", [["search", "CLIP"], ["status"], ["verify"], ["verify", "--repair"], ["remove", "CLIP"], ["duplicates"]]
)
def test_without_a_library_the_sentence_says_how_to_make_one(run, videos, tmp_path, args):
    args = [videos / "0.mp4" if arg == "CLIP" else arg for arg in args]
    folder = tmp_path / "library"
    expected = f"{folder} holds no library; make one with: reelseek index FOLDER --library {folder}"
    assert run(*args).sentence == expected
    assert run(*args, "--json").sentence == expected


def test_missing_and_wrong_inputs_are_one_sentence(run, filled, videos, encoders, tmp_path):
    missing = tmp_path / "no such thing"
    assert run("index", missing).sentence == f"{missing}: no such file or folder"
    assert run("search", missing).sentence == f"{missing}: no such file"
    assert run("search", videos).sentence == f"{videos}: is a folder, not a video file"
    assert run("search", videos / "bad.mp4").sentence.endswith("is not a video file, or is damaged beyond reading")
    assert "nothing lies at or after 60 s" in run("search", videos / "0.mp4", "--start", 60).sentence
    assert run("remove", missing).sentence.startswith(f"{missing} is not in library {filled}")
    assert run("index", videos, "--encoder", missing).sentence.startswith(f"no encoder '{missing}': give a checkpoint")
    assert "is not an encoder checkpoint" in run("index", videos, "--encoder", videos / "0.mp4").sentence
    assert "is not an encoder checkpoint" in run("index", videos, "--encoder", videos).sentence
    assert "was built by encoder" in run("index", videos, "--encoder", encoders[1]).sentence
    inside_a_file = run("index", videos, "--library", videos / "0.mp4" / "x", "--encoder", encoders[0])
    assert inside_a_file.sentence.endswith("is a file or lies in one; give a folder")
    assert run("sample", videos / "0.mp4").sentence.endswith("is a file or lies in one; give a folder")


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
        assert "catalog" in run(*args).sentence
    code, _, err = run("verify")
    assert code == 1
    assert err.count("\n") == 1
