import json

from encoder.checkpoint import load_encoder


def test_a_library_goes_over_to_another_encoder_and_back(run, filled, videos, encoders):
    first, second = (load_encoder(path).fingerprint for path in encoders)
    code, out, err = run("adopt", encoders[1], "--json")
    result = json.loads(out)
    assert (code, result["indexed"], result["copies"], result["missing"]) == (0, 3, 1, 0)
    assert result["encoder"] == {"name": "1.safetensors", "fingerprint": second}
    assert f"the library now uses encoder 1.safetensors ({second})" in err
    status = json.loads(run("status", "--json")[1])
    assert (status["encoder"]["fingerprint"], status["videos"]) == (second, 3)
    assert [one["fingerprint"] for one in status["left_over"]] == [first]
    assert f"left over 0.safetensors ({first})" in run("status").out
    assert json.loads(run("search", videos / "1.mp4", "-k", 1, "--json")[1])[0]["path"] == str(videos / "1.mp4")
    code, out, _ = run("adopt", encoders[0])
    assert (code, out.splitlines()[0]) == (0, "0 indexed, 4 unchanged, 0 moved, 0 copies, 0 removed, 1 failed")


def test_what_can_not_be_adopted_is_said_in_a_sentence(run, filled, videos, encoders, tmp_path):
    assert run("adopt", tmp_path / "none").sentence.startswith(f"no encoder '{tmp_path / 'none'}': give a checkpoint")
    assert "already uses encoder 0.safetensors" in run("adopt", encoders[0]).sentence
    empty = run("adopt", encoders[0], "--library", tmp_path / "empty")
    assert empty.sentence.startswith(f"{tmp_path / 'empty'} holds no library; make one with: reelseek index")
    assert run("index", videos, "--encoder", encoders[1]).sentence.endswith("anew: reelseek adopt")
