"""Statements for more values than one can take."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

BLOCK = 10_000  # rows read, or values given, at once
_T = TypeVar("_T")


def narrowed(
    query: "Select[*tuple[Any, ...]]", column: InstrumentedAttribute[Any], values: Iterable[int] | None
) -> Iterator["Select[*tuple[Any, ...]]"]:
    """The query for the given values of a column, or for all there are."""
    if values is None:
        yield query
    else:
        yield from (query.where(column.in_(block)) for block in blocks(values))


def blocks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """The different values, as many at once as a statement can take."""
    left = iter(dict.fromkeys(values))
    while block := list(islice(left, BLOCK)):
        yield block
