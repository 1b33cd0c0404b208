import json
import os
import shutil


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


def test_a_mistyped_folder_makes_no_library(run, tmp_path):
    run("index", tmp_path / "typo")
    assert not (tmp_path / "library").exists()


def test_names_that_are_no_text_are_printed_and_do_not_stop_anything(run, videos, encoders, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    shutil.copy(videos / "0.mp4", os.fsencode(folder) + b"/\xff.mp4")
    code, out, err = run("index", folder, "--encoder", encoders[0], "--json")
    assert (code, len(json.loads(out)["failed"])) == (0, 1)
    assert r"\udcff.mp4: its name is not valid Unicode; rename it" in err
    code, out, _ = run("index", folder)
    assert r"\udcff.mp4: its name is not valid Unicode; rename it" in out
    assert run("remove", os.fsdecode(os.fsencode(folder) + b"/\xff.mp4")).sentence.startswith(str(folder))
