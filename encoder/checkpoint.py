"""One file that holds a trained encoder and everything that changes its result."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from encoder.clips import ClipSpec
from encoder.errors import WorldError
from encoder.model import Encoder, EncoderConfig

DEFAULT = "default"
_FORMAT = "1"
_SHIPPED = Path(__file__).parent / "weights"


class CheckpointError(WorldError):
    """A file that is no encoder this version can use, in one sentence."""


@dataclass(frozen=True)
class Checkpoint:
    """An encoder ready to embed, with the clips it was trained for."""

    encoder: Encoder  # in eval mode
    spec: ClipSpec
    fingerprint: str  # of weights, config and spec: two encoders with the same one give the same embeddings
    name: str  # for people


def save_encoder(encoder: Encoder, spec: ClipSpec, path: Path) -> str:
    """Write an encoder to a safetensors file, whole or not at all, and return its fingerprint."""
    state = {key: value.detach().cpu().contiguous() for key, value in encoder.state_dict().items()}
    made_of = {"config": json.dumps(asdict(encoder.config)), "spec": json.dumps(asdict(spec))}
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(save(state, {"format": _FORMAT, **made_of}))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return _fingerprint(state, made_of["config"] + made_of["spec"])


def load_encoder(name: str | Path = DEFAULT) -> Checkpoint:
    """Load an encoder: by the name of a shipped one, or from a file.

    Raises:
        CheckpointError: there is no such encoder, or the file is not one this version reads.
    """
    path = _SHIPPED / f"{name}.safetensors" if str(name) in shipped() else Path(name)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError as error:
        known = f"one of {', '.join(shipped())}" if shipped() else "train one: none ships with this version"
        raise CheckpointError(f"no encoder {str(name)!r}: give a checkpoint file or {known}") from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is not an encoder checkpoint ({error})") from error
    if metadata.get("format") != _FORMAT:
        found = metadata.get("format")
        raise CheckpointError(f"{path} has checkpoint format {found}, this version reads {_FORMAT}")
    try:
        encoder = Encoder(EncoderConfig(**json.loads(metadata["config"])))
        spec = ClipSpec(**json.loads(metadata["spec"]))
        encoder.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold the weights that its own config asks for") from error
    fingerprint = _fingerprint(state, metadata["config"] + metadata["spec"])
    return Checkpoint(encoder.eval(), spec, fingerprint, str(name) if str(name) in shipped() else path.name)


def shipped() -> list[str]:
    """Names of the encoders that come with the program."""
    return sorted(path.stem for path in _SHIPPED.glob("*.safetensors"))


def _fingerprint(state: dict[str, Tensor], made_of: str) -> str:
    digest = hashlib.sha256(made_of.encode())
    for key in sorted(state):
        digest.update(key.encode() + str(state[key].dtype).encode())
        value = state[key]
        digest.update(value.view(torch.uint8).numpy().tobytes() if value.dim() else str(value).encode())
    return digest.hexdigest()[:12]
