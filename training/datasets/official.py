"""A data set's train and test videos, from the folder of split files that its authors publish."""

from pathlib import Path
from typing import Literal

from training.datasets.diving48 import read_diving48
from training.datasets.hmdb51 import read_hmdb51
from training.datasets.items import Listed, SplitError
from training.datasets.kinetics import read_kinetics
from training.datasets.something import read_something
from training.datasets.ucf101 import read_ucf101

DatasetName = Literal["ucf101", "hmdb51", "diving48", "something", "kinetics"]


def read_official(dataset: DatasetName, videos: Path, splits: Path, number: int = 1) -> tuple[Listed, Listed]:
    """What is trained on and what is tested on; of Something-Something and Kinetics, the validation videos.

    Args:
        dataset: which set.
        videos: the folder of its videos.
        splits: the folder of its split files, named as they are published.
        number: which of the three splits of UCF101 and HMDB51; the others have one.

    Raises:
        SplitError: a file is missing or isn't as it should be, or the videos don't match it.
    """
    if number not in ((1, 2, 3) if dataset in ("ucf101", "hmdb51") else (1,)):
        raise SplitError(f"{dataset} has no split {number}")
    match dataset:
        case "ucf101":
            train, test = (_file(splits, f"{side}list{number:02d}.txt") for side in ("train", "test"))
            return read_ucf101(videos, train), read_ucf101(videos, test)
        case "hmdb51":
            return read_hmdb51(videos, splits, number)
        case "diving48":
            words = _file(splits, "Diving48_vocab.json")
            train, test = (_file(splits, f"Diving48_V2_{side}.json") for side in ("train", "test"))
            return read_diving48(videos, train, words), read_diving48(videos, test, words)
        case "something":
            labels, train, test = (
                _file(splits, f"{name}.json", f"something-something-v2-{name}.json")
                for name in ("labels", "train", "validation")
            )
            return read_something(videos, train, labels), read_something(videos, test, labels)
        case "kinetics":
            train, test = _file(splits, "train.csv"), _file(splits, "val.csv", "validate.csv", "validation.csv")
            return read_kinetics(videos, train), read_kinetics(videos, test)


def _file(folder: Path, *names: str) -> Path:
    """The first of these that is there."""
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise SplitError(f"{folder} holds no {' or '.join(names)}; give the folder of the set's own split files")
