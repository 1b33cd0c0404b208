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
