"""The arms of the ablation: the method, its parts one after the other, and the controls."""

from dataclasses import dataclass, replace

from training.objective import Objective


@dataclass(frozen=True)
class Arm:
    """One objective to train by."""

    name: str
    says: str  # what it is, in a table
    objective: Objective | None  # None: not trained


_INSTANCE = Objective(two_scales=False, region=None, information=None, match=False, direction=False)
_TWO_SCALES = replace(_INSTANCE, two_scales=True)
_REGION = replace(_TWO_SCALES, region="coverage")
_ORDER = replace(_REGION, match=True)
_FULL = Objective()

ARMS: tuple[Arm, ...] = (
    Arm("A0", "random weights", None),
    Arm("A1", "instance contrast", _INSTANCE),
    Arm("A2", "A1 of local and global views", _TWO_SCALES),
    Arm("A3", "A2 + regions, nearest cell", replace(_TWO_SCALES, region="nearest")),
    Arm("A4", "A2 + regions, soft coverage", _REGION),
    Arm("A5", "A2 + regions, Gaussian of distance", replace(_TWO_SCALES, region="gaussian")),
    Arm("A6", "A4 with shuffled coordinates (control)", replace(_TWO_SCALES, region="shuffled")),
    Arm("A7", "A4 + MI-A, adversary", replace(_REGION, information="adversary")),
    Arm("A8", "A4 + random recolouring (control)", replace(_REGION, information="random")),
    Arm("A9", "A4 + MI-B, vCLUB", replace(_REGION, information="club")),
    Arm("A10", "A4 + order, matching", _ORDER),
    Arm("A11", "A10 + order, direction", replace(_ORDER, direction=True)),
    Arm("A12", "the whole method, with MI-B", _FULL),
    Arm("A12-adv", "A12 with MI-A in place of MI-B", replace(_FULL, information="adversary")),
    Arm("A12-inst", "A12 less instance contrast", replace(_FULL, instance=None)),
    Arm("A12-reg", "A12 less regions", replace(_FULL, region=None)),
    Arm("A12-match", "A12 less matching", replace(_FULL, match=False)),
    Arm("A12-dir", "A12 less direction", replace(_FULL, direction=False)),
)  # A12 less mutual information is A11, A12 less both order terms is A9
