"""With a million finished tasks in the table every statement of ours finds its few rows by an index.

PostgreSQL alone. Times are printed with `-s`, and never asserted.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tasks import lifecycle
from tasks.api import loaders, pages
from tasks.api.filters import select
from tasks.api.types.enums import TaskOrder
from tasks.api.viewer import Viewer
from tasks.broker import Message
from tasks.hub import lookups, position, tail
from tasks.hub.wanted import Wanted
from tasks.lifecycle import Claim, Failure, Logged, Output, Progressed
from tasks.models import Event, Task
from tasks.models.snapshots import snapshot
from tasks.status import FailureCode, LogLevel, TaskPriority, TaskStatus
from tasks.submission.changing import _change
from tasks.upkeep import chores
from tests.integration.million import ACTIVE, HEAVY, LIGHT, TASKS, a_million_finished_tasks
from tests.integration.plans import caught_plans

pytestmark = [
    pytest.mark.skipif(os.environ.get("TASKFEED_TEST_STORE") == "sqlite", reason="PostgreSQL's plans"),
    pytest.mark.skipif(os.environ.get("FAULT_ROUNDS") != "full", reason="a million rows take a minute: `make faults`"),
    pytest.mark.django_db,
]

BOOM: Final = Failure(FailureCode.EXCEPTION, "boom")
BATCH: Final = 500
STAFF: Final = Viewer(HEAVY, is_staff=True, token_id=None, expires_at=None)
FEW: Final = TASKS // 50
"""More rows than that are looked at by nothing that reads a page or a batch; nearly all look at far fewer."""
COUNTED: Final = 10 * pages.MAX_COUNT
"""A count may look at as many rows as it takes to find those that it counts."""


@pytest.fixture(scope="module", autouse=True)
def _million(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:  # noqa: ARG001
    """Fill the tables once for all tests of this module, each of which takes back what it does."""
    with django_db_blocker.unblock(), a_million_finished_tasks():
        position.bind_epoch()
        yield


def check(name: str, act: Callable[[], Any], at_most: int = FEW, *, counts: bool = False) -> None:
    """Fail unless each statement of `act` was index-backed and looked at no more rows than that.

    As a count stops at its limit, reading a table's beginning is a fair way to count what is common.
    """
    with caught_plans() as plans:
        act()
    assert plans, "nothing was asked of the database"
    for plan in plans:
        assert counts or plan.sequential == [], str(plan)
        assert plan.rows <= at_most, str(plan)
    worst = max(plans, key=lambda plan: plan.milliseconds)
    print(f"{name}: {worst.milliseconds:.1f} ms, {worst.rows} rows")  # noqa: T201 - for whoever measures


def a_task(position_from_end: int = 0, **conditions: Any) -> Task:
    return Task.objects.filter(**conditions).order_by("-id")[position_from_end]


def a_claim() -> Claim:
    return lifecycle.running_attempts(UUID(int=1))[0].claim


def test_the_table_is_as_large_as_it_says():
    assert Task.objects.count() == TASKS + ACTIVE
    assert Event.objects.count() == TASKS + ACTIVE
    assert Task.objects.filter(owner_id=HEAVY).count() > TASKS // 4


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda: lifecycle.promote_due(BATCH), id="promote"),
        pytest.param(lambda: lifecycle.expire_overdue(BATCH), id="expire"),
        pytest.param(lambda: lifecycle.take_unsent(2, BATCH), id="enqueue what was not sent"),
        pytest.param(
            lambda: lifecycle.take_lost("default", TaskPriority.NORMAL, datetime.now(UTC), BATCH),
            id="enqueue what was lost",
        ),
        pytest.param(lambda: lifecycle.rescue_lost(BATCH, lease_seconds=15), id="rescue"),
        pytest.param(lambda: lifecycle.running_attempts(UUID(int=1)), id="own attempts"),
        pytest.param(lambda: lifecycle.prune(3600, chores.PRUNED_AT_ONCE), id="prune"),
        pytest.param(lambda: lifecycle.prune(40 * 24 * 3600, chores.PRUNED_AT_ONCE), id="nothing to prune"),
        pytest.param(chores.forget_expired, id="forget"),
    ],
)
def test_upkeep(act: Callable[[], Any], request: pytest.FixtureRequest):
    check(request.node.callspec.id, act)


def test_what_upkeep_does_is_something():
    """Or the plans above would be those of empty sets."""
    assert len(lifecycle.promote_due(BATCH)) == ACTIVE // 3
    assert len(lifecycle.expire_overdue(BATCH)) == ACTIVE // 6
    assert len(lifecycle.take_unsent(2, BATCH)) == ACTIVE // 6
    assert lifecycle.rescue_lost(BATCH, lease_seconds=15) == ACTIVE // 6
    assert lifecycle.prune(3600, chores.PRUNED_AT_ONCE) == chores.PRUNED_AT_ONCE


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda claim: lifecycle.succeed(claim, {}), id="succeed"),
        pytest.param(lambda claim: lifecycle.fail(claim, BOOM, retry_in_seconds=1), id="fail, to be retried"),
        pytest.param(lambda claim: lifecycle.fail(claim, BOOM, retry_in_seconds=None), id="fail for good"),
        pytest.param(lifecycle.cancelled, id="cancelled"),
        pytest.param(lifecycle.give_back, id="give back"),
        pytest.param(lifecycle.cancel_requested, id="look for a cancel request"),
        pytest.param(
            lambda claim: lifecycle.record(claim, [Progressed(0.5, None), Logged(LogLevel.INFO, "x"), Output("x")]),
            id="record",
        ),
        pytest.param(
            lambda claim: _change(lifecycle.request_cancel, HEAVY, is_staff=True, task_id=claim.task_id),
            id="cancelTask",
        ),
    ],
)
def test_an_attempt(act: Callable[[Claim], Any], request: pytest.FixtureRequest):
    claim = a_claim()

    check(request.node.callspec.id, lambda: act(claim))


def test_submitting_claiming_and_running_again():
    queued, failed = a_task(status=TaskStatus.QUEUED), a_task(status=TaskStatus.FAILED, owner_id=HEAVY)
    new = a_task(status=TaskStatus.QUEUED)
    new.id, new.idempotency_key, new.owner_id = uuid4(), "key 500000", LIGHT

    check("submit", lambda: lifecycle.insert([new]))
    check("note the send", lambda: lifecycle.mark_enqueued([Message(queued.id, "default", TaskPriority.NORMAL, 1)]))
    check(
        "claim", lambda: lifecycle.claim(queued.id, claim_id=uuid4(), incarnation=uuid4(), worker="worker@here", pid=1)
    )
    check("retryTask", lambda: _change(lifecycle.retry, HEAVY, is_staff=False, task_id=failed.id))


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda top: tail.read_round([], top, None, wants_number=False), id="a quiet round"),
        pytest.param(
            lambda top: tail.read_round([(i, i + 5) for i in range(top - 2000, top, 20)], top, 0, wants_number=True),
            id="a round with a hundred holes",
        ),
        pytest.param(lambda top: tail.read_round([], top - 5_000, None, wants_number=False), id="a round far behind"),
        pytest.param(lambda _: tail.last_visible(0), id="the log's end"),
        pytest.param(tail._numbers_of_events, id="a floor"),  # noqa: SLF001 - an open transaction is needed otherwise
    ],
)
def test_the_tail(act: Callable[[int], Any], request: pytest.FixtureRequest):
    top = position.head()

    check(request.node.callspec.id, lambda: act(top))


@pytest.mark.parametrize(
    ("owners", "behind", "at_most"),
    [
        pytest.param({HEAVY}, 3_000, 10_000, id="a heavy owner"),
        pytest.param({LIGHT}, TASKS, 10_000, id="a light owner, from the beginning"),
        pytest.param({HEAVY, LIGHT}, 3_000, 10_000, id="two owners"),
        pytest.param({HEAVY}, TASKS, 10_000, id="too far behind"),
        pytest.param({HEAVY}, TASKS // 2, None, id="in the middle, unbounded"),
        pytest.param(None, 3_000, 10_000, id="all owners"),
    ],
)
def test_replay_of_a_feed(owners: Any, behind: int, at_most: int | None, request: pytest.FixtureRequest):
    after = position.head() - behind

    check(
        request.node.callspec.id,
        lambda: lookups.feed_page(frozenset(owners) if owners else None, after, at_most),
        at_most=COUNTED,
        counts=at_most is not None,
    )


def test_replay_of_one_task_and_what_live_delivery_lacks():
    task = snapshot(a_task(TASKS // 2).id)
    assert task is not None
    wanted = Wanted(tasks=[task.id], versions=[(task.id, 1, 1)], ids=[position.head() - 5])

    check("the version at a cursor", lambda: lookups.version_at(task, 5_000))
    check("a page of one task", lambda: lookups.task_page(task.id, 0))
    check("what is lacking", lambda: lookups.find(wanted))
    check("the versions before", lambda: lookups.befores([(task.id, 1)]))


def test_edges_of_a_page_of_tasks():
    ids = [task.id for task in Task.objects.filter(owner_id=HEAVY).order_by("-id")[:100]]

    check("attempts", lambda: loaders._attempts(ids))  # noqa: SLF001 - a loader's own thread has no wrapper
    check("tracebacks", lambda: loaders._tracebacks([(task_id, 1) for task_id in ids]))  # noqa: SLF001
    check("events", lambda: loaders._events([(task_id, 0, 50) for task_id in ids]))  # noqa: SLF001


# ---- lists ----------------------------------------------------------------------------------------------------------

HALF: Final = timedelta(days=15)
FILTERS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "no filter": dict,
    "ids": lambda: {"ids": [str(task.id) for task in Task.objects.order_by("id")[:50]]},
    "a common type": lambda: {"types": ["reverse_string"]},
    "a rare type": lambda: {"types": ["send_message"]},
    "an unknown type": lambda: {"types": ["gone"]},
    "queued": lambda: {"statuses": [TaskStatus.QUEUED]},
    "waiting or running": lambda: {"statuses": [TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.RETRYING]},
    "failed": lambda: {"statuses": [TaskStatus.FAILED]},
    "expired": lambda: {"statuses": [TaskStatus.EXPIRED]},
    "succeeded": lambda: {"statuses": [TaskStatus.SUCCEEDED]},
    "running or succeeded": lambda: {"statuses": [TaskStatus.RUNNING, TaskStatus.SUCCEEDED]},
    "final": lambda: {"isFinal": True},
    "not final": lambda: {"isFinal": False},
    "a rare queue": lambda: {"queues": ["slow"]},
    "a common queue": lambda: {"queues": ["default"]},
    "a rare priority": lambda: {"priorities": [TaskPriority.HIGH, TaskPriority.LOW]},
    "a rare tag": lambda: {"tagsAny": ["rare"]},
    "all of rare tags": lambda: {"tagsAll": ["rare"]},
    "a common tag": lambda: {"tagsAny": ["common"]},
    "an unknown tag": lambda: {"tagsAny": ["nothing"]},
    "of the last days": lambda: {"createdAfter": datetime.now(UTC) - HALF},
    "of the first days": lambda: {"createdBefore": datetime.now(UTC) - HALF},
    "of one hour": lambda: {
        "createdAfter": datetime.now(UTC) - HALF,
        "createdBefore": datetime.now(UTC) - HALF + timedelta(hours=1),
    },
}
LOOKED_AT: Final = {"a common tag": 120_000}
"""Those with the tag, in the index and in the table: a planner that expects few of them takes and sorts them all."""


@pytest.mark.parametrize("is_everybody", [pytest.param(False, id="own"), pytest.param(True, id="all owners")])
@pytest.mark.parametrize("order", [pytest.param(order, id=order.name) for order in TaskOrder])
@pytest.mark.parametrize("name", FILTERS)
def test_a_list(name: str, order: TaskOrder, is_everybody: bool):
    selection = select({**FILTERS[name](), "allOwners": is_everybody}, STAFF)
    for depth in (None, TASKS // 7):
        after = None if depth is None else pages._place(order, _snapshot_at(depth))  # noqa: SLF001 - as a cursor says
        page = pages.PageRequest(selection, order, 20, from_end=False, after=after, before=None)

        check(
            f"{name}, {order.name}, {'all' if is_everybody else 'own'}, behind {depth}",
            lambda page=page: pages._rows(page),  # type: ignore[misc]  # noqa: SLF001 - on this connection
            at_most=LOOKED_AT.get(name, FEW),
        )


@pytest.mark.parametrize("name", FILTERS)
def test_a_count(name: str):
    selection = select(FILTERS[name](), STAFF)

    check(
        f"count of {name}",
        lambda: pages._count(selection, pages.MAX_COUNT),  # noqa: SLF001 - on this connection
        at_most=COUNTED,
        counts=True,
    )


@cache
def _snapshot_at(depth: int) -> Any:
    """The task at which a page deep in the heavy owner's list begins. Committed, so the same for every test."""
    return snapshot(a_task(depth, owner_id=HEAVY).id)
