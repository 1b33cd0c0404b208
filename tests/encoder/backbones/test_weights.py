import functools
import re
from io import BytesIO
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from encoder.backbones import TSM, EfficientNetLite0, WeightsError, load_imagenet_weights, load_public_weights


def network(seed: int = 0) -> TSM:
    torch.manual_seed(seed)
    return TSM(8, 1)


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


WAYS = {
    "safetensors": save_file,
    "pth": torch.save,
    "pt": functools.partial(torch.save, _use_new_zipfile_serialization=False),  # the format of older public weights
}
EVERY_WAY = pytest.mark.parametrize("ending", WAYS)
BROKEN = "is cut short or no file of weights; download or save it again"
NO_STATE_DICT = "holds no state dict, a mapping of names to dense tensors; save that"


def refuses(path: Path, message: str) -> None:
    """Check that the error is this one sentence about the file, and that the backbone stays as it was."""
    backbone = network(1)
    with pytest.raises(WeightsError, match=f"^{re.escape(f'{path}{message}')}$"):
        load_public_weights(backbone, path)
    assert same(backbone, network(1))


@EVERY_WAY
@pytest.mark.parametrize("head", ["fc", "classifier.1"])
def test_a_file_gives_its_weights_without_the_head(tmp_path, ending, head):
    path, source, backbone = tmp_path / f"weights.{ending}", network(0), network(1)
    WAYS[ending]({**source.state_dict(), f"{head}.weight": torch.ones(400, 32), f"{head}.bias": torch.ones(400)}, path)
    assert not same(backbone, source)
    load_public_weights(backbone, path)
    assert same(backbone, source)


@EVERY_WAY
def test_half_precision_is_loaded_in_the_precision_of_the_backbone(tmp_path, ending):
    path, source, backbone = tmp_path / f"weights.{ending}", network(0).half(), network(1)
    WAYS[ending](source.state_dict(), path)
    load_public_weights(backbone, path)
    assert same(backbone, source.float())


@EVERY_WAY
def test_other_keys_and_shapes_are_refused(tmp_path, ending):
    path, weights, key = tmp_path / f"weights.{ending}", network().state_dict(), "widen.1.1.weight"
    lacking = {each: value for each, value in weights.items() if each != key}
    WAYS[ending](lacking, path)
    refuses(path, f" lacks '{key}'; TSM expects it with shape (32, 16, 1, 1)")
    WAYS[ending]({**weights, key: torch.ones(32, 16)}, path)
    refuses(path, f" has '{key}' with shape (32, 16); TSM expects it with shape (32, 16, 1, 1)")
    WAYS[ending]({**weights, "layer9.weight": torch.ones(2)}, path)
    refuses(path, " has 'layer9.weight', which TSM does not expect; give weights of that network")


@EVERY_WAY
def test_a_file_cut_short_anywhere_is_refused(tmp_path, ending):
    path = tmp_path / f"weights.{ending}"
    WAYS[ending](network().state_dict(), path)
    content = path.read_bytes()
    for kept in [*range(0, 300, 7), *range(300, len(content), len(content) // 40), len(content) - 1]:
        path.write_bytes(content[:kept])
        refuses(path, f" {BROKEN}")


@EVERY_WAY
@pytest.mark.parametrize("text", ["", "1\n", "<!DOCTYPE html>\n<html>no such file</html>\n"])
def test_a_text_file_is_refused(tmp_path, ending, text):
    path = tmp_path / f"weights.{ending}"
    path.write_text(text, encoding="utf-8")
    refuses(path, f" {BROKEN}")


@EVERY_WAY
def test_a_missing_file_and_a_folder_are_refused(tmp_path, ending):
    refuses(tmp_path / f"missing.{ending}", ": No such file or directory")
    folder = tmp_path / f"folder.{ending}"
    folder.mkdir()
    refuses(folder, ": Is a directory")


@pytest.mark.parametrize(
    "content",
    [
        None,
        [torch.ones(2)],
        torch.ones(2),
        {1: torch.ones(2)},
        {"epoch": 3},
        {"state_dict": network().state_dict()},
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    refuses(path, f" {NO_STATE_DICT}")


@pytest.mark.parametrize(
    "change", [torch.Tensor.to_sparse, lambda kernel: kernel.cfloat(), lambda kernel: kernel.to("meta")]
)
def test_tensors_that_no_network_can_copy_are_refused(tmp_path, change):
    path, weights = tmp_path / "weights.pth", network().state_dict()
    torch.save({**weights, "widen.1.1.weight": change(weights["widen.1.1.weight"])}, path)
    refuses(path, f" {NO_STATE_DICT}")


class Harmful:
    """Makes a folder as soon as its pickle is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("ending", ["pth", "pt", "safetensors"])
def test_code_in_a_file_is_not_run(tmp_path, ending):
    path, folder = tmp_path / f"weights.{ending}", tmp_path / "harm"
    save = torch.save if ending == "safetensors" else WAYS[ending]
    save({**network().state_dict(), "fc.weight": Harmful(folder)}, path)
    refuses(path, f" {BROKEN}")
    assert not folder.exists()
    torch.load(BytesIO(path.read_bytes()), weights_only=False)
    assert folder.exists()  # it would have run


def test_a_network_saved_whole_is_refused(tmp_path):
    torch.save(network(), tmp_path / "weights.pth")
    refuses(tmp_path / "weights.pth", f" {BROKEN}")


# Weights of ImageNet


def published(source: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict of a file of ImageNet weights: names that begin with an underscore, and a classifier."""
    names = {"conv_stem", "bn0", "bn1", "bn2", "blocks", "expand_conv", "depthwise_conv", "project_conv"}
    weights = {
        ".".join(f"_{name}" if name in names else name for name in key.split(".")): value
        for key, value in source.state_dict().items()
    }
    head = {"_conv_head.weight": (1280, 320, 1, 1), "_bn1.weight": (1280,), "_fc.bias": (1000,)}
    return weights | {key: torch.ones(shape) for key, shape in head.items()}


def test_a_file_of_imagenet_gives_its_weights_without_the_head(tmp_path):
    source, backbone = EfficientNetLite0(), EfficientNetLite0(shifted=False)
    torch.save(published(source), tmp_path / "lite0.pth")
    assert not same(backbone, source)
    load_imagenet_weights(backbone, tmp_path / "lite0.pth")
    assert same(backbone, source)


def test_a_file_that_is_not_of_imagenet_is_refused_in_one_sentence_and_changes_nothing(tmp_path):
    path, backbone, before = tmp_path / "lite0.pth", EfficientNetLite0(), EfficientNetLite0()
    before.load_state_dict(backbone.state_dict())
    weights, expects = published(before), "EfficientNetLite0 expects it with shape"
    wider = {**weights, "_blocks.15._bn2.bias": torch.ones(384)}
    for content, message in [
        (network().state_dict(), f" lacks 'conv_stem.weight'; {expects} (32, 3, 3, 3)"),
        (wider, f" has 'blocks.15.bn2.bias' with shape (384,); {expects} (320,)"),
        ({**weights, "_blocks.16._bn2.bias": torch.ones(2)}, " has 'blocks.16.bn2.bias', which EfficientNetLite0 does"),
        ([1], f" {NO_STATE_DICT}"),
    ]:
        torch.save(content, path)
        with pytest.raises(WeightsError, match=f"^{re.escape(f'{path}{message}')}"):
            load_imagenet_weights(backbone, path)
        assert same(backbone, before)
