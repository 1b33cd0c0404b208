"""The official splits of public data sets: which videos they list, what these show, and which of them share a source.

A split is read from the files that its authors publish. The videos lie in one folder, or in folders of whatever name
right below it, as copies spell the classes' folders in several ways; what a video shows is said by the split alone.
"""

from training.datasets.diving48 import read_diving48
from training.datasets.hmdb51 import read_hmdb51
from training.datasets.items import Item, Listed, SplitError, check_disjoint, require_all
from training.datasets.kinetics import read_kinetics
from training.datasets.official import DatasetName, read_official
from training.datasets.something import read_something
from training.datasets.ucf101 import read_ucf101

__all__ = [
    "DatasetName",
    "Item",
    "Listed",
    "SplitError",
    "check_disjoint",
    "read_diving48",
    "read_hmdb51",
    "read_kinetics",
    "read_official",
    "read_something",
    "read_ucf101",
    "require_all",
]
