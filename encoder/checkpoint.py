"""One file that holds a trained encoder and everything that changes its result.

Reading it takes no torch: a library is opened, and found unchanged, without loading the network.
"""

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.errors import WorldError
from encoder.whole import appearing_whole

if TYPE_CHECKING:
    import torch

    from encoder.model import Encoder
    from encoder.parts import Runtime

DEFAULT = "default"
# 2 added the motion part's network, input and cells; 1 lacks them and has what are now the defaults.
# 3 holds matrices and kernels in float16.
_FORMAT = "3"
_READ = ("1", "2", _FORMAT)
_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd")
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
    weights: Weights = field(repr=False, compare=False)  # as stored
    stated: Mapping[str, str] = field(repr=False, compare=False)  # format, config, spec and origin, as stored

    @cached_property
    def encoder(self) -> "Encoder":
        """The network, float32 and in eval mode; made when it is first asked for.

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

    @cached_property
    def embed(self) -> "Runtime":
        """Embed clips: on a GPU, else by OpenVINO where it is installed, else by torch; made when first asked for."""
        if gpu := _gpu():
            from encoder.runtime import embed_clips

            return partial(embed_clips, deepcopy(self.encoder).to(gpu))
        if find_spec("openvino"):
            from encoder.converted import openvino_runtime

            return openvino_runtime(self, user_cache_path("reelseek"))
        from encoder.runtime import torch_runtime

        return torch_runtime(self.encoder)

    @property
    def origin(self) -> dict[str, Any] | None:
        """How it was made, as far as the file says: recipe, steps, seed, videos and what training began with."""
        found: dict[str, Any] | None = json.loads(self.stated.get("origin", "null"))
        return found

    def write(self, path: Path) -> None:
        """Write what was read, with the same fingerprint, whole or not at all."""
        _write(self.weights, self.stated, path)


def save_encoder(encoder: "Encoder", spec: ClipSpec, path: Path, origin: Mapping[str, Any] | None = None) -> str:
    """Write an encoder to a safetensors file, whole or not at all, and return its fingerprint.

    Matrices and kernels are rounded to float16. What is loaded and saved again is not rounded further.

    Args:
        encoder: what is written.
        spec: the clips it was trained for.
        path: the file.
        origin: how it was made, for people; it changes no result, nor the fingerprint.
    """
    weights = {key: _rounded(value.detach().cpu().numpy()) for key, value in encoder.state_dict().items()}
    made_of = {"config": json.dumps(asdict(encoder.config)), "spec": json.dumps(asdict(spec))}
    told = {} if origin is None else {"origin": json.dumps(origin)}
    _write(weights, {"format": _FORMAT, **made_of, **told}, path)
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
        raise CheckpointError(f"{path} has checkpoint format {found}, this version reads {', '.join(_READ)}")
    try:
        config = EncoderConfig(**json.loads(metadata["config"]))
        spec = ClipSpec(**json.loads(metadata["spec"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not say what encoder it holds") from error
    fingerprint = _fingerprint(weights, metadata["config"] + metadata["spec"])
    return Checkpoint(config, spec, fingerprint, str(name) if str(name) in shipped() else path.name, weights, metadata)


def shipped() -> list[str]:
    """Names of the encoders that come with the program."""
    return sorted(path.stem for path in _SHIPPED.glob("*.safetensors"))


def _gpu() -> "torch.device | None":
    """The first GPU; torch, which takes a second to load, is asked only where a driver is."""
    if not any(Path(driver).exists() for driver in _GPU_DRIVERS):
        return None
    import torch

    return torch.device("cuda", 0) if torch.cuda.is_available() else None


def _rounded(value: NDArray[Any]) -> NDArray[Any]:
    """Float16 where it is exact enough; biases and the statistics of batch norms, whose range is wide, are small."""
    limits = np.finfo(np.float16)
    half = value.ndim > 1 and limits.smallest_normal <= np.abs(value).max() <= limits.max
    return np.ascontiguousarray(value, np.float16 if half else value.dtype)


def _write(weights: Weights, metadata: Mapping[str, str], path: Path) -> None:
    with appearing_whole(path) as draft:
        draft.write_bytes(_ordered(save(dict(weights), dict(metadata))))


def _ordered(file: bytes) -> bytes:
    """The file with its header in order: safetensors has the metadata in a hash map, whose order changes."""
    start = 8 + int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors stay aligned
    return len(header).to_bytes(8, "little") + header + file[start:]


def _fingerprint(weights: Weights, made_of: str) -> str:
    digest = hashlib.sha256(made_of.encode())
    for key in sorted(weights):
        digest.update(key.encode() + weights[key].dtype.str.encode() + weights[key].tobytes())
    return digest.hexdigest()[:12]
