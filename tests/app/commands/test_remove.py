import json


def test_remove_prints_how_many(run, filled, videos):
    assert run("remove", videos / "0.mp4", "--json") == (0, '{\n  "removed": 1\n}\n', "")
    assert run("remove", videos) == (0, "4 files removed from the library\n", "")
    assert json.loads(run("search", videos / "0.mp4", "--json")[1]) == []
    code, out, err = run("search", videos / "0.mp4")
    assert (code, out) == (0, "")
    assert "is empty; fill it with: reelseek index FOLDER" in err
