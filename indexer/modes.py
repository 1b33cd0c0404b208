"""What counts as an answer: the same scene, the very footage, what moves alike, or what looks alike."""

from collections.abc import Sequence

from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.errors import WorldError
from indexer.catalog import Catalog
from indexer.combine import search_all
from indexer.copies import copies_among
from indexer.facets import FacetCatalog, FacetIndex, facet_of_query
from indexer.ranges import Ids
from indexer.requests import Mode
from indexer.search import Match, Query
from indexer.vectors import VectorIndex


class ModeError(WorldError):
    """A mode that an encoder can't serve, in one sentence."""


def search_in(
    mode: Mode,
    like: Sequence[Query],
    unlike: Sequence[Query],
    catalog: Catalog,
    index: VectorIndex,
    k: int,
    spec: ClipSpec,
    config: EncoderConfig,
    among: Ids | None = None,
) -> list[Match]:
    """What `search_all` finds, in a mode; of an encoder with the given parts.

    Raises:
        ModeError: its embeddings have no such part.
    """
    match mode:
        case Mode.SIMILAR:
            return search_all(like, unlike, catalog, index, k, spec, among)
        case Mode.COPY:
            return search_all(like, unlike, catalog, index, k, spec, among, copies_among)
        case Mode.MOTION | Mode.LOOK:
            part = part_of(config, mode)
            wanted, unwanted = ([facet_of_query(query, part) for query in some] for some in (like, unlike))
            seen = FacetCatalog(catalog, part), FacetIndex(index, part)
            return search_all(wanted, unwanted, *seen, k, spec, among)


def part_of(config: EncoderConfig, mode: Mode) -> slice:
    """Which numbers of an embedding say how a clip looks, or how it moves.

    Raises:
        ModeError: none do.
    """
    if mode is Mode.MOTION:
        return slice(config.look_dim, config.dim)
    if not config.look_dim:
        raise ModeError("this library's encoder sees motion alone, so nothing can be searched by its look")
    return slice(0, config.look_dim)
