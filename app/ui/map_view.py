"""The map of the library as pictures; each leads to a search with its video."""

from html import escape
from threading import Lock

from app.collection_map import CollectionMap, Spot, draw_map
from app.text import file_name
from app.ui import fragments
from app.ui.assets import asset
from app.ui.playable import poster
from indexer.library import Library
from indexer.tables import Video

WALK = asset("map.js")  # arrow keys go from picture to picture


class MapView:
    """Draws the map anew only when the library has changed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._drawn: tuple[tuple[str, int], str] | None = None

    def html(self, library: Library) -> str:
        """The map."""
        with self._lock:
            key = str(library.folder), library.catalog.generation()
            if self._drawn is None or self._drawn[0] != key:
                self._drawn = key, _html(library, draw_map(library.catalog))
            return self._drawn[1]


def _html(library: Library, drawn: CollectionMap) -> str:
    if not drawn.spots:
        return fragments.steps("There is no map yet", ["Add a folder of videos above.", "Come back to see them here."])
    ids = [spot.video_id for spot in drawn.spots]
    videos, paths = library.catalog.videos(ids), library.catalog.paths(ids)
    shown = [spot for spot in drawn.spots if spot.video_id in videos and spot.video_id in paths]
    shown.sort(key=lambda spot: (spot.row, spot.column))
    links = "".join(_link(spot, videos[spot.video_id], paths[spot.video_id][0], spot is shown[0]) for spot in shown)
    some = f" {len(shown):,} of {drawn.of:,} videos are shown." if len(shown) < drawn.of else ""
    return (
        '<p class="rs-hint">What looks and moves alike lies close together. Choose a video to search with it; arrow '
        f'keys go from one to the next.{some}</p><div class="rs-map" role="group" aria-label="Map of the library" '
        f'style="--columns:{drawn.columns}">{links}</div><p class="rs-map-name" aria-hidden="true">&nbsp;</p>'
    )


def _link(spot: Spot, video: Video, path: str, first: bool) -> str:
    """To a search with the video; the tab key stops at the first alone."""
    name = escape(file_name(path))
    return (
        f'<a href="?video={spot.video_id}" style="grid-area:{spot.row + 1}/{spot.column + 1}" tabindex="{first - 1}" '
        f'data-name="{name}" aria-label="Search with {name}">'
        f'<img loading="lazy" alt="" src="{escape(poster(video, video.duration / 2))}"></a>'
    )
