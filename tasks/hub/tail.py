"""Reading on at the end of the log, and the proof that an id passed over will never appear.

On PostgreSQL an event's transaction has its number before it takes the event's id, and the sequence has CACHE 1. So
once an id is seen to be missing, its transaction is among those numbered below a number drawn now
(`pg_current_xact_id`; a snapshot's xmax will not do: it is the last number *completed* plus one, and the missing
transaction may have a higher one). When all of those have ended, a read that begins after that has the row, or there is
none. On SQLite there is one writer, so whatever is missing in a read that began later will not come.

All functions are synchronous and run on the pool of `tasks.database`, outside a transaction: each statement must see
what is committed when it begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from operator import or_

from django.db import connection
from django.db.models import Max, Q

from tasks.hub import pages
from tasks.hub.ids import Span
from tasks.hub.pages import Place
from tasks.hub.position import LogPosition, log_position
from tasks.models import Event

PAGE = 500
HOLES_AT_ONCE = 100
EVER = 2**63 - 1
"""A horizon that everything is below."""
_XID_MASK = 2**32 - 1

# Who inserts into the log holds this lock from before the id is taken until after the row is visible. So a transaction
# that has nothing to do with the log, however long it runs, holds nobody up.
_OLDEST_WRITER = """
    SELECT number.transactionid::text::bigint
    FROM pg_locks AS held JOIN pg_locks AS number USING (virtualtransaction)
    WHERE held.locktype = 'relation' AND held.relation = %s::regclass AND held.mode = 'RowExclusiveLock'
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND number.locktype = 'transactionid' AND number.mode = 'ExclusiveLock' AND number.granted
"""


@dataclass(slots=True)
class Round:
    """What one look at the log's end has shown."""

    position: LogPosition | None
    horizon: int
    """Every transaction numbered below this had ended before the events were read."""
    events: list[Event]
    read_through: int
    """Holes were read up to this id."""
    number: int | None
    """A transaction number above those of all transactions that were open when the round began."""
    has_more: bool


def read_round(holes: Sequence[Span], above: int, awaited: int | None, wants_number: bool) -> Round:
    """Read the events in `holes` (ascending) and those above an id, a page at most."""
    position = log_position()
    horizon = _horizon(awaited)
    found = _in_holes(holes)
    if room := PAGE - len(found):
        found += pages.places(Event.objects.filter(id__gt=above).order_by("id"), room)
    page = pages.fitting(found)
    has_more = len(found) == PAGE or len(page) < len(found)
    last_hole = holes[-1][1] if holes else above
    read_through = min(page[-1].id, last_hole) if has_more else last_hole
    number = draw_number() if wants_number else None
    return Round(position, horizon, pages.read(page), read_through, number, has_more)


def draw_number() -> int:
    """A number above those of all transactions that have one now."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return int(cursor.fetchone()[0])


def last_visible(pruned_through: int) -> int:
    """The highest id that can be known to have been handed out, from the log alone."""
    highest = Event.objects.aggregate(highest=Max("id"))["highest"]
    return max(highest or 0, pruned_through)


def is_settled(number: int) -> bool:
    """True where every writer of the log with a transaction number below `number` has ended."""
    return _horizon(number) >= number


def settled_floor(below: int) -> int:
    """An id at or below `below` that no open transaction can hold one under, while some have been open for long.

    Of the transactions numbered before the oldest open writer no more than the server has connections can have been
    open when it began. So among one more of them, taken from the log's end, at least one had ended by then, and the
    lowest of their highest ids was handed out before that writer could take any.
    """
    oldest = _oldest_writer(draw_number())
    if oldest is None:
        return below
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int"
        )
        at_once = int(cursor.fetchone()[0])
        earlier: set[int] = set()
        while page := _numbers_of_events(below):
            for event_id, number in page:
                below = event_id - 1
                if _widened(number, oldest) < oldest:
                    earlier.add(number)
                if len(earlier) > at_once:
                    return int(event_id)
    return 0


def _horizon(awaited: int | None) -> int:
    if connection.vendor != "postgresql":
        return EVER
    if awaited is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        lowest_open = int(cursor.fetchone()[0])
    if lowest_open >= awaited:
        return lowest_open
    oldest = _oldest_writer(awaited)
    return EVER if oldest is None else max(lowest_open, oldest)


def _oldest_writer(near: int) -> int | None:
    """The lowest number among the transactions that may have written to the log and are open."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST_WRITER, [Event._meta.db_table])  # noqa: SLF001 - Django's documented API
        return min((_widened(int(row[0]), near) for row in cursor.fetchall()), default=None)


def _widened(number: int, near: int) -> int:
    """Give a transaction number of 32 bits the upper bits that bring it closest to `near`."""
    full = (near & ~_XID_MASK) | number
    if full - near > _XID_MASK // 2:
        return full - _XID_MASK - 1
    if near - full > _XID_MASK // 2:
        return full + _XID_MASK + 1
    return full


def _numbers_of_events(below: int) -> list[tuple[int, int]]:
    """The last events up to an id, with the numbers of the transactions that stored them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, xmin::text::bigint FROM {Event._meta.db_table} WHERE id <= %s ORDER BY id DESC LIMIT 2000",  # noqa: S608, SLF001
            [below],
        )
        return list(cursor.fetchall())


def _in_holes(holes: Sequence[Span]) -> list[Place]:
    if not holes:
        return []
    spans = reduce(or_, (Q(id__range=span) for span in holes))
    # The outer range keeps the planner from walking the whole index.
    within = Q(id__range=(holes[0][0], max(chain.from_iterable(holes))))
    return pages.places(Event.objects.filter(within, spans).order_by("id"), PAGE)
