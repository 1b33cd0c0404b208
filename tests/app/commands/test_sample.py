def test_sample_prints_the_manifest(run, tmp_path, monkeypatch):
    def write(folder, progress):
        progress(1, 1)
        return folder / "manifest.csv"

    monkeypatch.setattr("training.collection.write_collection", write)
    assert run("sample", tmp_path / "new") == (0, f"{tmp_path / 'new' / 'manifest.csv'}\n", "")
