"""Where the cells of a feature map lie in the clip it was made from."""

from dataclasses import dataclass

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Lattice:
    """Cell (a, b, c) of a map is centred at `centre` + (a, b, c) `stride`.

    In samples of the network's input along time, height and width, where sample i covers [i, i + 1].
    """

    shape: tuple[int, int, int]  # T_f, H_f, W_f
    stride: Triple
    centre: Triple  # of cell (0, 0, 0)

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or min(self.stride) <= 0:
            raise ValueError(f"a lattice has cells and strides above zero, got {self.shape=}, {self.stride=}")
