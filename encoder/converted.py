"""Run an encoder by OpenVINO, which takes a converted network: made once a machine, then kept in a cache folder.

With a kept one, nothing here loads torch.
"""

import hashlib
import os
import warnings
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import openvino
from openvino.frontend import FrontEndManager

from encoder.checkpoint import Checkpoint
from encoder.parts import Clips, Embeddings, Runtime, distinct, look_frames, side_by_side

_MODEL = "encoder.xml"


def openvino_runtime(checkpoint: Checkpoint, cache: Path, precision: str | None = None) -> Runtime:
    """Embed by OpenVINO on the CPU.

    Args:
        checkpoint: the encoder.
        cache: folder of converted encoders; that this one can't be kept there is no error.
        precision: "bf16" or "f32"; None: bf16 where the processor computes with it, else f32.
    """
    core = openvino.Core()
    kept = cache / _key(checkpoint)
    try:
        model = core.read_model(kept / _MODEL)
    except RuntimeError:  # none, or a damaged one
        model = _convert(checkpoint)
        with suppress(OSError, RuntimeError):  # full or read-only: converted anew next time
            _keep(model, kept)
    if not precision:  # else f16 on some processors: its range is narrow, and what it does here was never measured
        fastest = core.get_property("CPU", "INFERENCE_PRECISION_HINT")
        precision = "bf16" if fastest == openvino.Type.bf16 else "f32"
    cores = os.cpu_count() or 1
    how = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores}
    compiled = core.compile_model(model, "CPU", how)
    # What turns tensors into arrays is made when it is first used; two threads that do so at once can wait for each
    # other for ever, one for Python's lock and one for the other's.
    np.asarray(openvino.Tensor(np.zeros(1, np.uint8)).data)
    looks = checkpoint.config.look_dim > 0

    def embed(clips: Clips) -> Embeddings:
        inputs = clips, *(distinct(clips[:, look_frames(clips.shape[1])]) if looks else ())
        array: Embeddings = compiled.infer_new_request(list(inputs))[0]  # a request serves one thread
        return array

    return side_by_side(embed, cores)


def _convert(checkpoint: Checkpoint) -> Any:
    # The decoder that `openvino.convert_model` uses; that function itself reports its use to the makers of OpenVINO.
    import torch
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    from encoder.runtime import LookedAtOnce, Preprocessed

    encoder, spec = checkpoint.encoder, checkpoint.spec
    picture = (spec.size, spec.size, 3)
    inputs = {"clips": torch.zeros(2, spec.frames, *picture, dtype=torch.uint8)}
    if encoder.look:
        inputs["pictures"] = torch.zeros(3, *picture, dtype=torch.uint8)
        inputs["which"] = torch.zeros(2, len(look_frames(spec.frames)), dtype=torch.int64)
    whole = (LookedAtOnce if encoder.look else Preprocessed)(encoder).eval()
    frontend = FrontEndManager().load_by_framework("pytorch")
    with warnings.catch_warnings(action="ignore"):  # torch's tracer is deprecated, but OpenVINO has no other that works
        decoder = TorchScriptPythonDecoder(whole, example_input=tuple(inputs.values()))
        model = frontend.convert(frontend.load(decoder))
    model.reshape({place: [-1, *each.shape[1:]] for place, each in enumerate(inputs.values())})
    return model


def _keep(model: Any, kept: Path) -> None:
    """Write a converted network to a folder that appears whole."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=kept.parent, prefix=".") as folder:
        part = Path(folder) / "part"
        openvino.save_model(model, part / _MODEL, compress_to_fp16=False)
        rmtree(kept, ignore_errors=True)  # a damaged one
        part.rename(kept)


def _key(checkpoint: Checkpoint) -> str:
    """Name of all that a converted network comes from: the encoder, the code that runs it and OpenVINO."""
    digest = hashlib.sha256(openvino.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{checkpoint.fingerprint}-{digest.hexdigest()[:12]}"
