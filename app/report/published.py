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


_IIC = "Tao et al., ACM MM 2020, arXiv 2008.02531, and its repository"
_MLFO = "Qian et al., ICCV 2021, arXiv 2108.02183"
_VCLR = "Kuang et al., ICCV workshops 2021, arXiv 2108.02722"

UCF101: Final = Published(
    "UCF101", 101, 3783, 9537,
    [
        PublishedNumber("R3D, untrained", 0.099, False, "as given by IIC's repository"),
        PublishedNumber("VCOP", 0.141, False, "Xu et al., CVPR 2019"),
        PublishedNumber("PRP", 0.228, False, "Yao et al., CVPR 2020"),
        PublishedNumber("IIC", 0.368, False, _IIC),
        PublishedNumber("RSPNet", 0.411, False, "Chen et al., AAAI 2021, arXiv 2011.07949"),
        PublishedNumber("MLFO", 0.415, False, _MLFO),
        PublishedNumber("VCLR", 0.468, False, _VCLR),
        PublishedNumber("CoCLR, RGB", 0.533, True, "Han et al., NeurIPS 2020, arXiv 2010.09709"),
        PublishedNumber("TCLR, R3D-18", 0.561, False, "Dave et al., CVIU 2022, and its repository"),
    ],
)  # fmt: skip
HMDB51: Final = Published(
    "HMDB51", 51, 1530, 3570,
    [
        PublishedNumber("IIC", 0.155, False, _IIC),
        PublishedNumber("VCLR", 0.176, False, _VCLR),
        PublishedNumber("MLFO", 0.207, False, _MLFO),
    ],
)  # fmt: skip


def published_for(manifest: Manifest) -> Published | None:
    """The numbers measured on split 1 of the data set that a manifest lists whole, known by its counts."""
    parts = [row.split for row in manifest.rows]
    found = len({row.label for row in manifest.rows}), parts.count("query"), parts.count("gallery")
    known = (one for one in (UCF101, HMDB51) if (one.classes, one.queries, one.gallery) == found)
    return next(known, None)
