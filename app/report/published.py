"""Numbers of the field, shown only beside what was measured on the same videos in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.manifest import Manifest


@dataclass(frozen=True)
class PublishedNumber:
    """R@1 of one method, as its authors state it."""

    method: str
    recall_at_1: float  # fraction
    centred: bool  # each set's own mean taken away first
    source: str


@dataclass(frozen=True)
class Published:
    """What is known of a data set; test queries search the training gallery of split 1, ten clips a video."""

    dataset: str
    classes: int
    queries: int  # videos
    gallery: int  # videos
    numbers: Sequence[PublishedNumber]
    caution: str = ""  # a sentence, where counts alone can't tell that the split is the same


# Each as the repository named states it; what could not be read at its source is not listed. IIC's other networks and
# all of its numbers on HMDB51 are means of three splits.
_IIC = "the repository of Tao et al., ACM MM 2020, arXiv 2008.02531"
_VCLR = "the repository of Kuang et al., ICCV workshops 2021, arXiv 2108.02722"

UCF101: Final = Published(
    "UCF101", 101, 3783, 9537,
    [
        PublishedNumber("R3D, untrained", 0.099, False, _IIC),
        PublishedNumber("VCOP, R3D", 0.141, False, f"Xu et al., CVPR 2019, by {_IIC}"),
        PublishedNumber("PRP, R3D", 0.228, False, f"Yao et al., CVPR 2020, by {_IIC}"),
        PublishedNumber("IIC, R3D, two views", 0.365, False, _IIC),
        PublishedNumber("VCLR, from ImageNet weights", 0.468, False, _VCLR),
        PublishedNumber("CoCLR, RGB", 0.518, True, "the repository of Han et al., NeurIPS 2020, arXiv 2010.09709"),
        PublishedNumber("TCLR, R3D-18", 0.561, False, "the repository of Dave et al., CVIU 2022"),
    ],
)  # fmt: skip
HMDB51: Final = Published(
    "HMDB51", 51, 1530, 3570,
    [PublishedNumber("VCLR, from ImageNet weights", 0.176, False, _VCLR)],
    "All three splits of HMDB51 have as many videos: look that this manifest is of the first.",
)  # fmt: skip


def published_for(manifest: Manifest) -> Published | None:
    """The numbers measured on split 1 of the data set that a manifest lists whole, known by its counts."""
    parts = [row.split for row in manifest.rows]
    found = len({row.label for row in manifest.rows}), parts.count("query"), parts.count("gallery")
    known = (one for one in (UCF101, HMDB51) if (one.classes, one.queries, one.gallery) == found)
    return next(known, None)
