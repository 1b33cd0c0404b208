import numpy as np
import pytest

from app.collection_map import draw_map, flatten, place_in_grid
from app.ui.map_view import MapView
from encoder.checkpoint import load_encoder
from indexer.library import Library


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_neighbours_among_vectors_are_neighbours_on_the_map():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(3), 8)
    points = flatten(unit(np.eye(3, 16)[groups] + 0.05 * rng.normal(size=(24, 16))))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag([np.inf] * 24)
    assert (groups[apart.argmin(1)] == groups).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_vectors_are_laid_out_too(count):
    points = flatten(unit(np.random.default_rng(0).normal(size=(count, 16))))
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


def test_no_two_points_share_a_cell_and_a_grid_stays_as_it_is():
    x, y = np.meshgrid(np.arange(3), np.arange(2))
    columns, cells = place_in_grid(np.stack([x.ravel(), y.ravel()], 1).astype(float))
    assert len(set(cells)) == 6
    assert (columns, [cell % columns for cell in cells]) == (3, [0, 1, 2] * 2)
    columns, cells = place_in_grid(np.zeros((10, 2)))
    assert len(set(cells)) == 10


def test_a_map_shows_all_videos_or_some_evenly_chosen_and_is_drawn_anew_when_they_change(
    tmp_path, small_encoder, videos, clip, monkeypatch
):
    with Library.create(tmp_path / "library", load_encoder(small_encoder)) as library:
        maps = MapView()
        assert "There is no map yet" in maps.html(library)
        for seed in range(3):
            clip(videos / f"<{seed}>.mp4", seed)
        library.add([videos], workers=1)
        assert {spot.video_id for spot in draw_map(library.catalog).spots} == set(library.catalog.videos())
        some = draw_map(library.catalog, most=2)
        assert (len(some.spots), some.of) == (2, 3)
        html = maps.html(library)
        assert html.count("<img") == html.count('href="?video=') == 3
        assert "&lt;1&gt;.mp4" in html
        monkeypatch.setattr("app.ui.map_view.draw_map", None)
        assert maps.html(library) == html
