import json


def test_train_writes_an_encoder_that_index_takes(run, videos, tmp_path, monkeypatch):
    monkeypatch.setattr("training.train._MOMENTS", 40)  # that heads are fitted to
    code, out, err = run(
        "train", "tiny", "--videos", videos, "--out", tmp_path / "run", "--steps", 1, "--batch", 3, "--device", "cpu"
    )
    assert (code, out) == (0, f"{tmp_path / 'run' / 'encoder.safetensors'}\n")
    assert "use it with: reelseek adopt" in err
    code, out, _ = run("index", videos, "--encoder", tmp_path / "run" / "encoder.safetensors", "--json")
    assert (code, json.loads(out)["indexed"]) == (0, 3)


def test_training_on_the_wrong_things_is_refused_in_a_sentence(run, videos, tmp_path):
    missing = tmp_path / "missing"
    (tmp_path / "none").mkdir()
    train = ("train", "tiny", "--out", tmp_path / "run", "--videos")
    assert run(*train, missing).sentence == f"{missing}: no such file or folder"
    assert run(*train, tmp_path / "none").sentence.startswith(f"no video found under {tmp_path / 'none'}")
    assert run(*train, videos / "bad.mp4").sentence.startswith("none of the 1 files given to train on can be read")
    assert not (tmp_path / "run").exists()
    assert run(*train, videos / "0.mp4").sentence.startswith("only one video can be read")
    refused = run(*train, videos)  # after the one file that can't be read is named
    assert refused[2].splitlines()[-1] == "a batch of 16 is larger than the 4 videos; pass --batch 4 or less"
    assert refused[0] == 1
    assert not (tmp_path / "run" / "state.pt").exists()
    assert run("train", "ucf101_s3d", "--videos", videos, "--out", missing)[0] == 2
    assert run(*train, videos, "--split", videos / "bad.mp4")[0] == 2
    assert run("train", "nonsense", "--videos", videos, "--out", missing)[0] == 2


def test_a_run_begins_with_what_is_asked_for_or_fits(run, videos, encoders, tmp_path):
    missing = tmp_path / "missing"
    train = ("train", "tiny", "--videos", missing, "--out", tmp_path / "run")
    assert run(*train, "--from", encoders[0]).sentence.startswith("encoder 0.safetensors (")
    assert "is built otherwise than what this recipe trains" in run(*train, "--from", encoders[0]).err
    assert run(*train, "--from", missing).sentence.startswith(f"no encoder '{missing}'")
    assert "give one" in run(*train, "--from", encoders[0], "--from-nothing").usage
    assert run(*train).sentence == f"{missing}: no such file or folder"
    collection = ("train", "collection", *train[2:])
    assert "begins with look and motion of encoder default (" in run(*collection).err
    assert run(*collection, "--from-nothing").sentence == f"{missing}: no such file or folder"
    assert "begins with motion of encoder default (" in run("train", "small", *train[2:], "--from", "default").err
