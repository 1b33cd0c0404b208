"""Public weights: files of parameters named as torchvision names them, without the classification head."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from encoder.backbones.lattice import Backbone
from encoder.errors import WorldError, in_words

_HEADS = ("fc.", "classifier.")
_BROKEN = (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, ValueError, AttributeError)


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


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        weights = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(in_words(error, path)) from error
    except (*_BROKEN, SafetensorError) as error:
        raise WeightsError(f"{path} is cut short or no file of weights; download it again") from error
    if not isinstance(weights, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()
    ):
        raise WeightsError(
            f"{path} holds no state dict, a mapping of names to tensors; save the network's state_dict()"
        )
    return weights


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
