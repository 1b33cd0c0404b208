"""Which videos of a catalog pass filters; the database decides."""

import os
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import ColumnElement, func, or_, select

from indexer.catalog import Catalog
from indexer.discover import resolve
from indexer.ranges import Ids
from indexer.requests import Filters
from indexer.tables import File, Video


def passing(catalog: Catalog, filters: Filters) -> Ids:
    """The ids of the videos that pass, ascending."""
    query = select(Video.id).where(*_conditions(filters)).order_by(Video.id)
    with catalog.engine.connect() as connection:
        return np.fromiter(connection.scalars(query), np.int64)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    bounds = [
        (Video.added.__ge__, _utc(filters.since)),
        (Video.added.__lt__, _utc(filters.until)),
        (Video.duration.__ge__, filters.min_duration),
        (Video.duration.__le__, filters.max_duration),
        (Video.height.__ge__, filters.min_height),
        (Video.height.__le__, filters.max_height),
    ]
    conditions = [compare(bound) for compare, bound in bounds if bound is not None]
    if filters.folder is not None:
        folder = (
            resolve([filters.folder])[0].encode(errors="replace").decode()
        )  # no file here has a name that is no text
        conditions.append(Video.id.in_(select(File.video_id).where(_lies_in(folder))))
    return conditions


def _lies_in(folder: str) -> ColumnElement[bool]:
    """Compared letter by letter: LIKE would take `films` for `Films`."""
    inside = folder.rstrip(os.sep) + os.sep
    return or_(File.path == folder, func.substr(File.path, 1, len(inside)) == inside)


def _utc(moment: datetime | None) -> datetime | None:
    """As the catalog writes it."""
    return moment and moment.astimezone(UTC).replace(tzinfo=None)
