"""Manifests of public data sets, made from the split files that their authors publish."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.manifest import ManifestError, ManifestRow, write_manifest
from encoder.whole import write_whole

DatasetName = Literal["ucf101", "hmdb51", "diving48", "something", "kinetics"]


@dataclass(frozen=True)
class OfficialManifest:
    """What was written."""

    manifest: Path
    train: int  # videos, the gallery of retrieval
    test: int  # videos, its queries
    classes: int
    grouped: bool  # whether the set says which videos share a source
    missing: Sequence[str]  # names of listed videos that are not there
    missing_list: Path | None  # the file that lists them


def make_manifest(
    dataset: DatasetName, videos: Path, splits: Path, out: Path, number: int = 1, allow_missing: bool = False
) -> OfficialManifest:
    """Write the manifest of a data set: its training videos are the gallery, its test videos the queries.

    Args:
        dataset: which set.
        videos: the folder of its videos.
        splits: the folder of its own split files.
        out: the CSV to write; the names of missing videos go to a file beside it.
        number: of the split, where the set has several.
        allow_missing: go on without the videos that are not there; those of Kinetics always may be missing.

    Raises:
        SplitError: a split file can't be used, or videos on both sides share a source.
        ManifestError: videos are missing.
    """
    from training.datasets import check_disjoint, read_official

    train, test = read_official(dataset, videos.absolute(), splits, number)
    check_disjoint(train.items, test.items)
    missing, missing_list = [*train.missing, *test.missing], None
    out.parent.mkdir(parents=True, exist_ok=True)
    if missing:
        missing_list = out.with_suffix(".missing.txt")
        write_whole(missing_list, "".join(f"{name}\n" for name in missing).encode())
        if not allow_missing and dataset != "kinetics":
            total = len(missing) + len(train.items) + len(test.items)
            raise ManifestError(
                f"{len(missing)} of the {total} videos that {splits} lists are missing in {videos}: {missing_list} "
                "names them; get them, or go on without them by --allow-missing"
            )
    sides = [(item, "gallery") for item in train.items] + [(item, "query") for item in test.items]
    rows = [ManifestRow(item.path, item.label, item.group, side) for item, side in sides]
    write_manifest(out, rows)
    labels = {row.label for row in rows}
    grouped = rows[0].group is not None
    return OfficialManifest(out, len(train.items), len(test.items), len(labels), grouped, missing, missing_list)
