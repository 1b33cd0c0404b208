"""How much longer it takes to index videos than to decode them, stage by stage, and how much shorter than naively.

    python -m benchmarks.indexing FOLDER... [--minutes 30] [--rounds 5] [--encoder NAME|FILE] [--out DIR]

Videos of several sizes and codecs are made of those in the folders, see `benchmarks/indexing_set.py`, and kept in DIR.
In each round the stages take turns on them; the ratios hold where other work slows all stages, the rates do not.

- decode: all pictures of all files and nothing else, on all cores, in the fastest of three ways: by PyAV with a process
  a core, by OpenCV likewise, by PyAV with as many threads for one file after the other. Processes are started before.
- resize: what `DecodePool` gives, small pictures on the grid.
- encode: what `encode_videos` gives, vectors.
- index: `Library.add` into an empty library, from starting decoders to the saved index.
- naive: one process that reads every frame by OpenCV, runs R3D-18 by torch on 16 frames of 112 x 112 at the same hop,
  and adds each vector to an index; on the first seconds of a file, since it takes long.
"""

import argparse
import random
from pathlib import Path
from tempfile import TemporaryDirectory

# Decoder processes load this module anew, so whatever takes long to load is imported in `main`.


def main() -> None:
    """Print a table: one row a kind of video, and one of all."""
    from benchmarks.indexing_set import KINDS, make_set
    from benchmarks.indexing_stages import table
    from encoder.checkpoint import DEFAULT, load_encoder

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="real videos")
    parser.add_argument("--minutes", type=float, default=30, help="of video, all kinds together")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each stage; the median counts")
    parser.add_argument("--encoder", default=DEFAULT, help="a shipped encoder or a checkpoint file")
    parser.add_argument("--out", type=Path, help="where the videos are kept for the next run")
    options = parser.parse_args()
    sources = sorted(path for folder in options.folders for path in folder.rglob("*") if path.is_file())
    random.Random(0).shuffle(sources)
    checkpoint = load_encoder(options.encoder)
    with TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        sets = {kind.name: make_set(sources, kind, options.minutes / len(KINDS), folder / kind.name) for kind in KINDS}
        for line in table(sets, checkpoint, options.rounds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
