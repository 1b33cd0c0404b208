import hashlib
import json
import os
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from encoder.checkpoint import Checkpoint, CheckpointError, load_encoder, save_encoder, shipped
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder

CONFIG = EncoderConfig(width=8, blocks=1, look_dim=8, motion_dim=8)
SPEC = ClipSpec(frames=4, fps=5, size=32, hop=2)


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return halved(Encoder(CONFIG).eval())


@pytest.fixture
def path(tmp_path, encoder):
    save_encoder(encoder, SPEC, tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def halved(encoder: Encoder) -> Encoder:
    """The encoder with what its checkpoint rounds rounded."""
    for parameter in encoder.parameters():
        if parameter.ndim > 1:
            parameter.data = parameter.data.half().float()
    return encoder


def metadata(**changed: str) -> dict[str, str]:
    return {"format": "3", "config": json.dumps(asdict(CONFIG)), "spec": json.dumps(asdict(SPEC)), **changed}


def test_a_saved_encoder_comes_back_whole(tmp_path, encoder):
    encoder.look.stem[1].running_mean += 0.1  # what training leaves in a buffer, not in a weight
    fingerprint = save_encoder(encoder, SPEC, tmp_path / "tiny.safetensors")
    loaded = load_encoder(tmp_path / "tiny.safetensors")
    assert loaded == Checkpoint(CONFIG, SPEC, fingerprint, "tiny.safetensors", {}, {})
    assert loaded.encoder.config == CONFIG
    assert not loaded.encoder.training
    clips = torch.randn(2, 3, 4, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded.encoder(clips), encoder(clips))


def test_how_an_encoder_was_made_is_told_and_changes_nothing(tmp_path, encoder):
    plain = save_encoder(encoder, SPEC, tmp_path / "plain.safetensors")
    assert save_encoder(encoder, SPEC, tmp_path / "told.safetensors", {"seed": 3, "began_with": None}) == plain
    load_encoder(tmp_path / "told.safetensors").write(tmp_path / "copy.safetensors")
    assert load_encoder(tmp_path / "copy.safetensors").origin == {"seed": 3, "began_with": None}
    assert load_encoder(tmp_path / "plain.safetensors").origin is None


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(("network", "frames", "size"), [("tsm", 4, 32), ("s3d", 16, 48)])
def test_an_encoder_of_one_part_comes_back_whole(tmp_path, network, frames, size, centred):
    config = EncoderConfig(8, 1, 0, 12, 1.0, network, centred, cells=(1, 1, 1))
    encoder, spec = halved(Encoder(config).eval()), ClipSpec(frames=frames, size=size)
    fingerprint = save_encoder(encoder, spec, tmp_path / "one.safetensors")
    loaded = load_encoder(tmp_path / "one.safetensors")
    assert loaded == Checkpoint(config, spec, fingerprint, "one.safetensors", {}, {})
    assert isinstance(loaded.config.cells, tuple)
    clips = torch.randn(2, 3, frames, size, size)
    with torch.inference_mode():
        assert torch.equal(loaded.encoder(clips), encoder(clips))


FIRST = ("width", "blocks", "look_dim", "motion_dim", "motion_weight")  # what the first format says of a config
SECOND = (*FIRST, "network", "centred", "cells")


@pytest.mark.parametrize(("format", "said"), [("1", FIRST), ("2", SECOND)])
def test_a_file_of_an_earlier_format_still_loads_and_keeps_its_fingerprint(tmp_path, format, said):
    torch.manual_seed(1)
    encoder, path = Encoder(CONFIG).eval(), tmp_path / "old.safetensors"
    old = metadata(format=format, config=json.dumps({key: asdict(CONFIG)[key] for key in said}))
    save_file(encoder.state_dict(), path, old)
    loaded = load_encoder(path)
    assert (loaded.config, loaded.spec) == (CONFIG, SPEC)
    digest = hashlib.sha256((old["config"] + old["spec"]).encode())
    for name, weight in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + weight.numpy().dtype.str.encode() + weight.numpy().tobytes())
    assert loaded.fingerprint == digest.hexdigest()[:12]
    clips = torch.randn(2, 3, 4, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded.encoder(clips), encoder(clips))
    loaded.write(tmp_path / "again.safetensors")  # as a library does with the encoder it is made for
    assert load_encoder(tmp_path / "again.safetensors") == replace(loaded, name="again.safetensors")


def test_rounding_hardly_turns_the_embeddings_and_halves_the_file(tmp_path):
    encoder = Encoder(EncoderConfig(width=32)).eval()
    save_file(encoder.state_dict(), tmp_path / "whole.safetensors")
    save_encoder(encoder, SPEC, tmp_path / "rounded.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "rounded")]
    assert sizes[1] < 0.52 * sizes[0]
    clips = torch.randn(4, 3, 4, 32, 32)
    with torch.inference_mode():
        rounded = load_encoder(tmp_path / "rounded.safetensors").encoder(clips)
        assert (rounded * encoder(clips)).sum(1).min() > 0.9999


def test_weights_that_float16_cannot_hold_and_statistics_stay_as_they_are(tmp_path, encoder):
    with torch.no_grad():
        encoder.motion_head.weight.mul_(1e7)
        encoder.look_head.weight.mul_(1e-6)
        encoder.look.stem[1].running_var.mul_(1e9)
        encoder.motion.stem[1].running_var.mul_(1e-9)
    save_encoder(encoder, SPEC, tmp_path / "wide")
    loaded = load_encoder(tmp_path / "wide").encoder.state_dict()
    for name, value in encoder.state_dict().items():
        assert torch.equal(loaded[name], value), name


def test_what_is_loaded_and_saved_again_has_the_same_fingerprint_and_bytes(tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    fingerprint = save_encoder(Encoder(CONFIG), SPEC, first)
    assert load_encoder(first).fingerprint == fingerprint
    for _ in range(5):  # the order of a hash map differs from one to the next
        assert save_encoder(load_encoder(first).encoder, SPEC, second) == fingerprint
        assert second.read_bytes() == first.read_bytes()
    load_encoder(first).write(second)
    assert second.read_bytes() == first.read_bytes()


def test_the_shipped_encoder_has_the_fingerprint_that_libraries_know_it_by():
    assert load_encoder().fingerprint == "9c3f0ffc3cc2"


def test_the_fingerprint_is_twelve_hex_digits_that_stay_the_same(tmp_path, path, encoder):
    fingerprint = load_encoder(path).fingerprint
    assert len(fingerprint) == 12
    assert int(fingerprint, 16) >= 0
    assert save_encoder(encoder, SPEC, tmp_path / "again") == fingerprint
    assert load_encoder(str(tmp_path / "again")).fingerprint == fingerprint


def test_the_fingerprint_changes_with_any_weight_buffer_config_or_spec(tmp_path, encoder):
    found = [save_encoder(encoder, SPEC, tmp_path / "a")]
    found += [save_encoder(encoder, replace(SPEC, **{key: 7}), tmp_path / "a") for key in asdict(SPEC)]
    with torch.no_grad():
        for tensor in (encoder.motion_head.weight, encoder.look_head.bias, encoder.look.stem[1].running_var):
            tensor.view(-1)[-1] += 1e-2
            found.append(save_encoder(encoder, SPEC, tmp_path / "a"))
    encoder.config = replace(CONFIG, motion_weight=0.4)
    found.append(save_encoder(encoder, SPEC, tmp_path / "a"))
    assert len(set(found)) == len(found) == 9


def test_a_missing_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match=r"no encoder '.*gone.safetensors': give a checkpoint file or "):
        load_encoder(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 4000, bytes(4000)])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.safetensors is not an encoder checkpoint"):
        load_encoder(tmp_path / "a.safetensors")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="is not an encoder checkpoint"):
        load_encoder(tmp_path)


def test_a_checkpoint_that_was_cut_off_is_refused(path):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="is not an encoder checkpoint"):
        load_encoder(path)


@pytest.mark.parametrize(("found", "told"), [({"format": "4"}, "4"), (None, "None")])
def test_another_format_is_refused_with_all_numbers(path, found, told):
    save_file(load_file(path), path, found)
    with pytest.raises(CheckpointError, match=f"has checkpoint format {told}, this version reads 1, 2, 3"):
        load_encoder(path)


@pytest.mark.parametrize(
    "wrong",
    [
        metadata(config=json.dumps({**asdict(CONFIG), "width": 0})),
        metadata(config=json.dumps({**asdict(CONFIG), "depth": 3})),
        metadata(config="[1, 2]"),
        metadata(config="{"),
        metadata(spec=json.dumps({"frames": -1})),
        metadata(spec="null"),
        {"format": "3"},
    ],
)
def test_a_file_that_does_not_describe_its_encoder_is_refused(path, wrong):
    save_file(load_file(path), path, wrong)
    with pytest.raises(CheckpointError, match="does not say what encoder it holds"):
        load_encoder(path)


def test_weights_that_do_not_fit_their_config_are_refused_when_they_are_needed(path):
    save_file(load_file(path), path, metadata(config=json.dumps({**asdict(CONFIG), "width": 16})))
    with pytest.raises(CheckpointError, match="does not hold the weights that its own config asks for"):
        load_encoder(path).encoder  # noqa: B018 - made when it is asked for


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, path, encoder, monkeypatch):
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        save_encoder(encoder, ClipSpec(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_encoder_loads_by_its_name(name):
    loaded = load_encoder(name)
    assert loaded.name == name
    size = loaded.spec.size
    with torch.inference_mode():
        assert loaded.encoder(torch.zeros(1, 3, loaded.spec.frames, size, size)).norm().item() == pytest.approx(1)
