"""Which tasks a client means: one `Selection`, as a condition for the database and as a predicate over snapshots.

The two must agree on every task; `tests/unit/api/test_filters.py` and `tests/integration/test_filters.py` hold each
case against both.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, F, Func, Q

from tasks.api.types.scalars import parse_uuid
from tasks.api.viewer import Viewer
from tasks.errors import NotPermitted
from tasks.models.snapshots import TaskSnapshot
from tasks.status import ACTIVE, FINAL, TaskPriority, TaskStatus

Predicate = Callable[[TaskSnapshot], bool]
NO_TEXT = frozenset("\0") | {chr(code) for code in range(0xD800, 0xE000)}
"""No stored text holds a NUL or half a surrogate pair, and PostgreSQL refuses to be asked for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The tasks that fulfil every condition given; None is no condition, an empty set is fulfilled by no task."""

    owner_ids: frozenset[UUID] | None
    """Checked before: these the viewer may see. None: all, for staff."""
    ids: frozenset[UUID] | None = None
    types: frozenset[str] | None = None
    statuses: frozenset[TaskStatus] | None = None
    queues: frozenset[str] | None = None
    priorities: frozenset[TaskPriority] | None = None
    tags_any: frozenset[str] | None = None
    tags_all: frozenset[str] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    is_final: bool | None = None

    @property
    def is_empty(self) -> bool:
        """True where no task can fulfil it, whatever is stored."""
        return any(getattr(self, name) == frozenset() for name in _SETS)

    def as_condition(self) -> Q:
        """Return the condition on task rows."""
        condition = Q()
        for name, column in _COLUMNS.items():
            values = getattr(self, name)
            if values is not None:
                condition &= _among(column, values)
        if self.tags_any is not None:
            condition &= Q(HasAnyTag(self.tags_any)) if _storable(self.tags_any) else _NOTHING
        if self.tags_all is not None:
            condition &= Q(HasAllTags(self.tags_all)) if _all_storable(self.tags_all) else _NOTHING
        # An id tells when it was made, so that every list finds the stretch of time by the index that orders it.
        if self.created_after is not None:
            condition &= Q(created_at__gt=self.created_after, id__gte=_first_id_at(self.created_after, -_CLOCK_SLACK))
        if self.created_before is not None:
            condition &= Q(created_at__lt=self.created_before, id__lt=_first_id_at(self.created_before, _CLOCK_SLACK))
        if self.is_final is not None:
            condition &= Q(status__in=sorted(FINAL if self.is_final else ACTIVE))
        return condition

    def as_predicate(self) -> Predicate:
        """Return the same condition on snapshots; it tests only what was given."""
        tests = list(self._tests())
        if not tests:
            return _always
        return tests[0] if len(tests) == 1 else lambda task: all(test(task) for test in tests)

    def _tests(self) -> Iterable[Predicate]:
        for name, column in _COLUMNS.items():
            values = getattr(self, name)
            if values is not None:
                yield _belongs(column, values)
        if (any_of := self.tags_any) is not None:
            yield lambda task: not any_of.isdisjoint(task.tags)
        if (all_of := self.tags_all) is not None:
            yield lambda task: bool(all_of) and all_of.issubset(task.tags)
        if (after := self.created_after) is not None:
            yield lambda task: task.created_at > after
        if (before := self.created_before) is not None:
            yield lambda task: task.created_at < before
        if (final := self.is_final) is not None:
            yield lambda task: (task.status in FINAL) is final


_COLUMNS = {
    "owner_ids": "owner_id",
    "ids": "id",
    "types": "type",
    "statuses": "status",
    "queues": "queue",
    "priorities": "priority",
}
_SETS = (*_COLUMNS, "tags_any", "tags_all")
_NOTHING = Q(pk__in=())
_CLOCK_SLACK = timedelta(minutes=1)
"""How far apart a task's `created_at` and the time in its id may lie: a server's clock may be set between the two."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_TIME = range(2**48)
"""Milliseconds since 1970 in the first 48 bits of a UUID of version 7 (RFC 9562, 5.7)."""


def _among(column: str, values: frozenset[Any]) -> Q:
    askable = [value for value in values if not isinstance(value, str) or is_storable(value)]
    if len(askable) == 1:
        return Q(**{column: askable[0]})
    return Q(**{f"{column}__in": sorted(askable)})


def _first_id_at(moment: datetime, slack: timedelta) -> UUID:
    """The lowest id that a task of that moment, give or take, can have."""
    milliseconds = int((moment - _EPOCH + slack) / timedelta(milliseconds=1))
    return UUID(int=min(max(milliseconds, _ID_TIME.start), _ID_TIME.stop - 1) << 80)


def _belongs(attribute: str, values: frozenset[Any]) -> Predicate:
    return lambda task: getattr(task, attribute) in values


def _always(_task: TaskSnapshot) -> bool:
    return True


def is_storable(text: str) -> bool:
    """Tell whether the database can hold this text at all."""
    return NO_TEXT.isdisjoint(text)


def _storable(texts: Iterable[str]) -> list[str]:
    return sorted(text for text in texts if is_storable(text))


def _all_storable(texts: frozenset[str]) -> bool:
    return bool(texts) and all(map(is_storable, texts))


class _TagsFunc(Func):
    """A condition on the JSON array `tags`, in the words of either store.

    On PostgreSQL it says that there are tags at all: the index holds those tasks alone.
    """

    output_field = BooleanField()
    conditional = True

    def __init__(self, tags: Iterable[str]) -> None:
        super().__init__(F("tags"))
        self.tags = _storable(tags)

    def _in_sqlite(self, compiler: Any, select: str) -> tuple[str, tuple[Any, ...]]:
        column, params = compiler.compile(self.source_expressions[0])
        places = ", ".join(["%s"] * len(self.tags))
        return f"(SELECT {select} FROM json_each({column}) WHERE value IN ({places}))", (*params, *self.tags)  # noqa: S608 - no value is in the text


class HasAnyTag(_TagsFunc):
    """At least one of the tags."""

    def as_postgresql(self, compiler: Any, _connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:
        """`jsonb ?| text[]`, and an array with something in it."""
        column, params = compiler.compile(self.source_expressions[0])
        return f"({column} <> '[]' AND {column} ?| %s)", (*params, *params, self.tags)

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ARG002 - Django's signature
        """`json_each`, since SQLite has no operator for it."""
        found, params = self._in_sqlite(compiler, "1")
        return f"EXISTS {found}", params


class HasAllTags(_TagsFunc):
    """Every one of the tags."""

    def as_postgresql(self, compiler: Any, _connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:
        """`jsonb @> jsonb`, and an array with something in it."""
        column, params = compiler.compile(self.source_expressions[0])
        return f"({column} <> '[]' AND {column} @> %s::jsonb)", (*params, *params, json.dumps(self.tags))

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ARG002 - Django's signature
        """`json_each`, counting."""
        found, params = self._in_sqlite(compiler, "count(DISTINCT value)")
        return f"{found} = %s", (*params, len(self.tags))


def select(given: Mapping[str, Any] | None, viewer: Viewer) -> Selection:
    """Read a TaskFilter as GraphQL coerced it, under GraphQL names; null is as good as absent.

    Raises `Unauthenticated`, `NotPermitted` for what is staff's to ask, and `BadUserInput` for an id that is no UUID.
    """
    own = viewer.require()
    given = {name: value for name, value in (given or {}).items() if value is not None}
    return Selection(
        owner_ids=_owners(given, own, is_staff=viewer.is_staff),
        ids=_set(given, "ids", parse_uuid),
        types=_set(given, "types"),
        statuses=_set(given, "statuses"),
        queues=_set(given, "queues"),
        priorities=_set(given, "priorities"),
        tags_any=_set(given, "tagsAny"),
        tags_all=_set(given, "tagsAll"),
        created_after=given.get("createdAfter"),
        created_before=given.get("createdBefore"),
        is_final=given.get("isFinal"),
    )


def _owners(given: Mapping[str, Any], own: UUID, *, is_staff: bool) -> frozenset[UUID] | None:
    asked = _set(given, "ownerIds", parse_uuid)
    everybody = given.get("allOwners", False)
    if not is_staff and (everybody or (asked is not None and not asked <= {own})):
        raise NotPermitted("ownerIds other than your own and allOwners are for staff")
    if asked is not None:
        return asked
    return None if everybody else frozenset({own})


def _set(given: Mapping[str, Any], name: str, read: Callable[[Any], Any] | None = None) -> frozenset[Any] | None:
    values = given.get(name)
    if values is None:
        return None
    return frozenset(values if read is None else map(read, values))
