"""Pages of the log, bounded in rows and in characters: large results and chunks must not add up in memory.

All functions are synchronous and run on the pool of `tasks.database`.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import QuerySet, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Length

from tasks.models import Event, Task

PAGE_CHARACTERS: Final = 1024 * 1024
"""A page ends before the row that would exceed it; a single row may."""
ROW_CHARACTERS: Final = 500
"""About what a row takes beside its large columns."""


class Place(NamedTuple):
    """Where a page may end, and what it costs to read up to there."""

    id: int
    task_id: UUID
    characters: int


def places(events: QuerySet[Event], rows: int) -> list[Place]:
    """The first `rows` of `events`, in their order, without what is large in them."""
    sized = events.annotate(characters=_length("body", "result", "failure"))
    return [Place(*row) for row in sized.values_list("id", "task_id", "characters")[:rows]]


def fitting(found: list[Place], characters: int = PAGE_CHARACTERS) -> list[Place]:
    """As many of them as fit into a page: one at least, if there is any."""
    left = characters
    for number, place in enumerate(found):
        left -= place.characters
        if left < 0 and number:
            return found[:number]
    return found


def with_tasks(found: list[Place]) -> list[Place]:
    """The same, with the first place of each task counting what the task's own row takes."""
    rows = Task.objects.filter(id__in={place.task_id for place in found})
    sizes = dict(rows.values_list("id", _length("arguments", "metadata", "tags", "result")))
    return [place._replace(characters=place.characters + sizes.pop(place.task_id, 0)) for place in found]


def read(found: Iterable[Place]) -> list[Event]:
    """The events at these places, in the order of their ids, those excepted that were pruned meanwhile."""
    ids = [place.id for place in found]
    return list(Event.objects.filter(id__in=ids).order_by("id")) if ids else []


def _length(*columns: str) -> Combinable:
    lengths = (Coalesce(Length(Cast(column, TextField())), 0) for column in columns)
    return sum(lengths, start=Value(ROW_CHARACTERS))
