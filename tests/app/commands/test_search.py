import json
import re

import pytest


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
    assert "the library has no video 99" in run("search", "library:99").sentence
