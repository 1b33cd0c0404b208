import json
import re


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


def test_status_measures_the_index(run, filled):
    status, told, _ = run("status", "--measure", "--json")
    found = json.loads(told)["measured"]
    assert (status, found["recall"], found["vectors"]) == (0, 1.0, json.loads(told)["clips"])
    status, told, _ = run("status", "--measure")
    assert "measured  100.0% of the ten nearest clips found, " in told
    assert "measured" not in run("status")[1]
