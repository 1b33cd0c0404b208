"""One file that holds a trained encoder and everything that changes its result.

Reading it takes no torch: a library is opened, and found unchanged, without loading the network.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.errors import WorldError

if TYPE_CHECKING:
    from encoder.model import Encoder

DEFAULT = "default"
_FORMAT = "2"  # 2 added the motion part's network, input and cells; 1 lacks them and has what are now the defaults
_READ = ("1", _FORMAT)
_SHIPPED = Path(__file__).parent / "weights"

Weights = Mapping[str, NDArray[Any]]


class CheckpointError(WorldError):
    """A file that is no encoder this version can use, in one sentence."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained encoder, with the clips it was trained for."""

    config: EncoderConfig
    spec: ClipSpec
    fingerprint: str  # of weights, config and spec: two encoders with the same one give the same embeddings
    name: str  # for people
    weights: Weights = field(repr=False, compare=False)

    @cached_property
    def encoder(self) -> "Encoder":
        """The network, in eval mode; made when it is first asked for.

        Raises:
            CheckpointError: the weights are not those of the config.
        """
        import torch

        from encoder.model import Encoder

        encoder = Encoder(self.config)
        try:
            encoder.load_state_dict({key: torch.from_numpy(value) for key, value in self.weights.items()})
        except RuntimeError as error:
            raise CheckpointError(f"{self.name} does not hold the weights that its own config asks for") from error
        return encoder.eval()


def save_encoder(encoder: "Encoder", spec: ClipSpec, path: Path) -> str:
    """Write an encoder to a safetensors file, whole or not at all, and return its fingerprint."""
    weights = {key: np.ascontiguousarray(value.detach().cpu().numpy()) for key, value in encoder.state_dict().items()}
    made_of = {"config": json.dumps(asdict(encoder.config)), "spec": json.dumps(asdict(spec))}
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(save(weights, {"format": _FORMAT, **made_of}))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return _fingerprint(weights, made_of["config"] + made_of["spec"])


def load_encoder(name: str | Path = DEFAULT) -> Checkpoint:
    """Load an encoder: by the name of a shipped one, or from a file.

    Raises:
        CheckpointError: there is no such encoder, or the file is not one this version reads.
    """
    path = _SHIPPED / f"{name}.safetensors" if str(name) in shipped() else Path(name)
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError as error:
        known = f"one of {', '.join(shipped())}" if shipped() else "train one: none ships with this version"
        raise CheckpointError(f"no encoder {str(name)!r}: give a checkpoint file or {known}") from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is not an encoder checkpoint ({error})") from error
    if (found := metadata.get("format")) not in _READ:
        raise CheckpointError(f"{path} has checkpoint format {found}, this version reads {' and '.join(_READ)}")
    try:
        config = EncoderConfig(**json.loads(metadata["config"]))
        spec = ClipSpec(**json.loads(metadata["spec"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not say what encoder it holds") from error
    fingerprint = _fingerprint(weights, metadata["config"] + metadata["spec"])
    return Checkpoint(config, spec, fingerprint, str(name) if str(name) in shipped() else path.name, weights)


def shipped() -> list[str]:
    """Names of the encoders that come with the program."""
    return sorted(path.stem for path in _SHIPPED.glob("*.safetensors"))


def _fingerprint(weights: Weights, made_of: str) -> str:
    digest = hashlib.sha256(made_of.encode())
    for key in sorted(weights):
        digest.update(key.encode() + weights[key].dtype.str.encode() + weights[key].tobytes())
    return digest.hexdigest()[:12]
