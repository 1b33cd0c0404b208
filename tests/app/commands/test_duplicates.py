import json


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
