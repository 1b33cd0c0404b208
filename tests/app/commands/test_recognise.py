import json


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
