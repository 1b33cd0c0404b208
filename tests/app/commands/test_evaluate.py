import json


def test_evaluate_prints_the_numbers_of_the_contract(run, videos, encoders, tmp_path):
    manifest = tmp_path / "m.csv"
    labels = {"0": "a", "1": "a", "2": "b", "copy": "b", "bad": "b"}
    manifest.write_text("path,label\n" + "".join(f"{videos}/{name}.mp4,{labels[name]}\n" for name in labels))
    code, out, err = run("evaluate", manifest, "--encoder", encoders[0], "--report", tmp_path / "report", "--json")
    result = json.loads(out)
    assert code == 0
    assert {"clips", "classes", "recall", "map", "failed", "encoder", "seconds"} <= result.keys()
    assert (result["clips"], result["classes"], len(result["failed"])) == (4, 2, 1)
    folder = tmp_path / "report"
    assert f"report written to {folder / 'report.html'}; {folder / 'work'} is kept work and may be deleted" in err
    written = {path.name for path in folder.iterdir()}
    assert written == {"report.html", "report.md", "report.json", "queries.csv", "recall.png", "work"}


def test_wrong_manifests_are_one_sentence(run, videos, encoders, tmp_path):
    def evaluate(path):
        return run("evaluate", path, "--encoder", encoders[0]).sentence

    (tmp_path / "empty.csv").touch()
    (tmp_path / "header.csv").write_text("path,label\n")
    (tmp_path / "none.csv").write_text("path,label\na.mp4,a\nb.mp4,b\n")
    assert "no such file or directory; give a manifest CSV" in evaluate(tmp_path / "missing.csv")
    assert "is a directory; give a manifest CSV" in evaluate(videos)
    assert "is no manifest" in evaluate(tmp_path / "empty.csv")
    assert "lists no videos" in evaluate(tmp_path / "header.csv")
    assert "none of the 2 videos of" in evaluate(tmp_path / "none.csv")
    assert "is no CSV in UTF-8" in evaluate(videos / "0.mp4")
