import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from encoder.backbones import R3D18, S3D, TSM, Backbone, EfficientNetLite0, R2Plus1D18
from encoder.backbones.lattice import Late, Window, compose
from encoder.lattice import Lattice

WINDOWS = st.builds(
    lambda kernel, stride, padding: (kernel, stride, min(padding, kernel // 2)),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(0, 3),
)


def slow_places(size: int, windows: list[tuple[int, int, int, int]]) -> list[float]:
    """Where the cells lie along one axis: each at the mean of the cells before it that it sees, padding included."""
    places, step = [i + 0.5 for i in range(size)], 1
    for kernel, stride, padding, end in windows:
        before = [places[0] - step * i for i in range(padding, 0, -1)]
        after = [places[-1] + step * i for i in range(1, end + 1)]
        padded = before + places + after
        starts = range(0, len(padded) - kernel + 1, stride)
        places, step = [sum(padded[i : i + kernel]) / kernel for i in starts], step * stride
        if not places:
            break
    return places


@example([(Window, ((2, 1, 0),) * 3), (Window, ((2, 1, 1),) * 3)], (1, 1, 1))  # padding alone makes no cell
@given(
    st.lists(st.tuples(st.sampled_from([Window, Late]), st.tuples(WINDOWS, WINDOWS, WINDOWS)), max_size=5),
    st.tuples(*[st.integers(1, 60)] * 3),
)
def test_cells_lie_at_the_mean_of_what_they_see(layers, size):
    windows = [kind(*zip(*axes, strict=True)) for kind, axes in layers]
    seen = [[(*axes[axis], axes[axis][2] + (kind is Late and axis > 0)) for kind, axes in layers] for axis in range(3)]
    expected = [slow_places(size[axis], seen[axis]) for axis in range(3)]
    if not all(expected):
        with pytest.raises(ValueError, match="too small for this network: no cell is left"):
            compose(size, windows)
        return
    lattice = compose(size, windows)
    for axis, places in enumerate(expected):
        cells = range(lattice.shape[axis])
        assert [lattice.centre[axis] + i * lattice.stride[axis] for i in cells] == pytest.approx(places)


def test_a_window_is_its_spatial_part_and_then_its_temporal_part():
    window = Window((3, 5, 7), (2, 3, 4), (1, 2, 3))
    assert window.spatial == Window((1, 5, 7), (1, 3, 4), (0, 2, 3))
    assert window.temporal == Window((3, 1, 1), (2, 1, 1), (1, 0, 0))
    clips = (32, 64, 96)
    assert compose(clips, [window]) == compose(clips, [window.spatial, window.temporal])


@pytest.mark.parametrize(("shape", "stride"), [((0, 1, 1), (1, 1, 1)), ((1, 1, 1), (1, 0, 1)), ((1, 1, 1), (1, 1, -1))])
def test_a_lattice_without_cells_or_with_a_stride_of_zero_cannot_travel(shape, stride):
    with pytest.raises(ValueError, match="cells and strides above zero, got"):
        Lattice(shape, stride, (0, 0, 0))


def small() -> TSM:
    return TSM(8, 1)


PLACES = {  # of the regions and of the final map, for 16 frames of 112 x 112 pixels
    small: (
        Lattice((16, 14, 14), (1, 8, 8), (0.5, 4, 4)),
        Lattice((16, 7, 7), (1, 16, 16), (0.5, 8, 8)),
    ),
    R3D18: (
        Lattice((4, 14, 14), (4, 8, 8), (0.5, 0.5, 0.5)),
        Lattice((2, 7, 7), (8, 16, 16), (0.5, 0.5, 0.5)),
    ),
    R2Plus1D18: (
        Lattice((4, 14, 14), (4, 8, 8), (0.5, 0.5, 0.5)),
        Lattice((2, 7, 7), (8, 16, 16), (0.5, 0.5, 0.5)),
    ),
    S3D: (
        Lattice((8, 14, 14), (2, 8, 8), (0.5, 0.5, 0.5)),
        Lattice((2, 3, 3), (8, 32, 32), (2.5, 8.5, 8.5)),  # its last pooling sees cells 0 and 1, 4 and 16 apart
    ),
    EfficientNetLite0: (
        Lattice((16, 14, 14), (1, 8, 8), (0.5, 7.5, 7.5)),  # each halving sees one cell more at the end
        Lattice((16, 3, 3), (1, 32, 32), (0.5, 31.5, 31.5)),
    ),
}
EVERY = pytest.mark.parametrize("make", PLACES)


def without_numbers(make: type[Backbone]) -> Backbone:
    with torch.device("meta"):
        return make()


@EVERY
@pytest.mark.parametrize("size", [(16, 112, 112), (8, 64, 64), (5, 33, 49), (11, 99, 50)])
def test_both_maps_have_the_shape_of_their_lattice(make, size):
    network = without_numbers(make)
    maps = network.maps(torch.empty(2, 3, *size, device="meta"))
    assert maps.regions.shape == (2, network.region_channels, *network.region_lattice(*size).shape)
    assert maps.final.shape == (2, network.channels, *network.final_lattice(*size).shape)


@EVERY
def test_cells_lie_where_the_strides_and_paddings_of_the_layers_put_them(make):
    network = without_numbers(make)
    assert (network.region_lattice(16, 112, 112), network.final_lattice(16, 112, 112)) == PLACES[make]


SMALLEST = {
    small: (1, 16, 16),
    R3D18: (1, 1, 1),
    R2Plus1D18: (1, 1, 1),
    S3D: (5, 17, 17),
    EfficientNetLite0: (1, 32, 32),
}


@EVERY
def test_the_network_gives_the_final_map_even_for_the_smallest_clips(make):
    network = make().eval()
    clips = torch.randn(1, 3, *SMALLEST[make])
    with torch.inference_mode():
        maps = network.maps(clips)
        assert maps.final.shape == (1, network.channels, 1, 1, 1)
        assert maps.final.isfinite().all()
        assert torch.equal(network(clips), maps.final)


@EVERY
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_clips_that_leave_no_cell_are_refused(make, axis):
    size = [each - (axis == i) for i, each in enumerate(SMALLEST[make])]
    with pytest.raises(ValueError, match=rf"clips of \({size[0]}, {size[1]}, {size[2]}\) .* are too small"):
        without_numbers(make)(torch.empty(1, 3, *size, device="meta"))


@EVERY
@pytest.mark.parametrize("shape", [(3, 16, 112, 112), (1, 16, 3, 112, 112), (1, 1, 16, 112, 112)])
def test_what_is_no_clip_is_refused(make, shape):
    network, clips = without_numbers(make), torch.empty(shape, device="meta")
    for run in (network, network.maps):
        with pytest.raises(ValueError, match=r"clips are \(B, 3, T, H, W\), got \("):
            run(clips)
