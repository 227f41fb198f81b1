"""The log as a whole: its epoch, what the epoch is bound to, how far it was pruned, the last id handed out.

All functions are synchronous and run on the pool of `tasks.database`.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

from django.db import connection

from tasks.models import Event, EventLog

UNKNOWN = "?"
"""A part of the identity that can't be read, as for want of a right. It matches anything."""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Where the log stands."""

    epoch: UUID
    pruned_through: int
    head: int
    """The highest id ever handed out."""
    server: str
    """Another one after a restart, a fail-over and a change of databases: time to look at the identity again."""


def log_position() -> LogPosition | None:
    """Read where the log stands; None before its first use."""
    row = EventLog.objects.filter(id=1).values_list("epoch", "pruned_through").first()
    return LogPosition(row[0], row[1], *head_and_server()) if row is not None else None


def bind_epoch() -> UUID:
    """Return the epoch of this very database: a new one where it turns out to be another than it was bound to.

    Of several processes that find this out at once one stores the new epoch, and all return it.
    """
    ours = identity()
    while True:
        EventLog.objects.bulk_create([EventLog(id=1, bound_to=ours)], ignore_conflicts=True)
        log = EventLog.objects.get(id=1)
        bound_to = merged(log.bound_to, ours)
        if bound_to == log.bound_to:
            return log.epoch
        # What was never bound, or just learns what it is bound to, keeps its epoch.
        epoch = log.epoch if bound_to is not None else uuid4()
        same = EventLog.objects.filter(id=1, epoch=log.epoch, bound_to=log.bound_to)
        if same.update(epoch=epoch, bound_to=ours if bound_to is None else bound_to):
            return epoch


def new_epoch(instead_of: UUID | None = None) -> UUID:
    """Store a new epoch, so that no cursor handed out so far is resumed from: after a restore that nobody can notice.

    With `instead_of` only where that epoch still stands; returns the one that stands then.
    """
    ours = identity()
    EventLog.objects.bulk_create([EventLog(id=1, bound_to=ours)], ignore_conflicts=True)
    stale = EventLog.objects.filter(id=1)
    if instead_of is not None:
        stale = stale.filter(epoch=instead_of)
    stale.update(epoch=uuid4(), bound_to=ours)
    return EventLog.objects.values_list("epoch", flat=True).get(id=1)


def merged(stored: str, ours: str) -> str | None:
    """What both say of a database's identity; None where they are of two databases."""
    if not stored or stored == ours:
        return ours
    pairs = list(zip(stored.split("/"), ours.split("/"), strict=False))
    if any(UNKNOWN not in pair and pair[0] != pair[1] for pair in pairs):
        return None
    return "/".join(theirs if theirs != UNKNOWN else mine for theirs, mine in pairs)


def identity() -> str:
    """What a restore changes: system identifier, timeline and the database's oid.

    On SQLite the machine's boot: a power cut may take the last commits, and so their ids are handed out again.
    """
    if connection.vendor != "postgresql":
        return _boot()
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
        oid = cursor.fetchone()[0]
    system = _permitted("pg_control_system()", "SELECT system_identifier FROM pg_control_system()")
    # The control file tells the timeline only from the first checkpoint after a promotion on.
    timeline = _permitted(
        "pg_walfile_name(pg_lsn)", "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
    )
    if timeline == UNKNOWN:
        timeline = _permitted("pg_control_checkpoint()", "SELECT timeline_id FROM pg_control_checkpoint()")
    return f"{system}/{timeline}/{oid}"


def head() -> int:
    """The highest event id handed out so far, whether its transaction has committed or not."""
    return head_and_server()[0]


def head_and_server() -> tuple[int, str]:
    """`head`, and which start of which server it was asked of, and which of its databases."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END,"  # noqa: S608 - a name of ours
                " pg_postmaster_start_time()::text || ' ' || oid"
                f" FROM {_sequence()}, pg_database WHERE datname = current_database()"
            )
        else:
            cursor.execute("SELECT seq, '' FROM sqlite_sequence WHERE name = %s", [Event._meta.db_table])  # noqa: SLF001
        row = cursor.fetchone()
    return (int(row[0]), row[1]) if row else (0, "")


@cache
def _sequence() -> str:
    """The name of the sequence that numbers the events, quoted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [Event._meta.db_table])  # noqa: SLF001
        return str(cursor.fetchone()[0])


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return UNKNOWN  # Linux alone tells it


def _permitted(function: str, query: str) -> str:
    """Ask something for which this role may lack the right."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege(%s, 'execute')", [function])
        if not cursor.fetchone()[0]:
            return UNKNOWN
        cursor.execute(query)
        return str(cursor.fetchone()[0])
