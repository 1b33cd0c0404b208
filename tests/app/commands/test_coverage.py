import json


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
    assert run("coverage", videos / "none.mp4").sentence == f"{videos / 'none.mp4'}: no such file"
    assert "library:99" in run("coverage", "library:99").sentence
