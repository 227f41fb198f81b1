import asyncio
import json
from collections.abc import AsyncGenerator, Hashable
from uuid import UUID, uuid4

import pytest
import strawberry

from tasks.api.execution import Context, Documents, Prepared, SharedExecutions, Subscription, rights_of, subscribe
from tasks.api.viewer import ANONYMOUS, Viewer

executed: list[str] = []


@strawberry.type
class Update:
    """One event, as the hub hands it to many subscribers at once."""

    key: strawberry.Private[Hashable]
    words: strawberry.Private[str]

    @strawberry.field
    def text(self) -> str:
        """Depends on the event alone."""
        executed.append(self.words)
        return self.words

    @strawberry.field
    async def edge(self) -> str:
        """Read as of now."""
        await asyncio.sleep(0)
        executed.append(self.words)
        return self.words

    @strawberry.field
    def broken(self) -> str | None:
        """Fails each time."""
        executed.append(self.words)
        raise RuntimeError("boom")


@strawberry.type
class Query:
    """GraphQL asks for one."""

    nothing: str | None = None


@strawberry.type(name="Subscription")
class Root:
    """The subscription that all tests share."""

    @strawberry.subscription
    async def updates(self, of: str = "") -> AsyncGenerator[Update, None]:
        """Never iterated here: the tests hand the frames over themselves."""
        yield Update(key=0, words=of)


documents = Documents(strawberry.Schema(Query, subscription=Root))


def viewer(user_id: UUID | None = None, *, is_staff: bool = False) -> Viewer:
    return Viewer(user_id or uuid4(), is_staff, None, None)


async def subscribed(query: str, who: Viewer = ANONYMOUS, of: str = "") -> Subscription:
    prepared = documents.prepare(query)
    assert isinstance(prepared, Prepared)
    subscription = await subscribe(prepared, None, {"of": of}, Context(who))
    assert isinstance(subscription, Subscription)
    return subscription


TEXT = "subscription ($of: String) { updates(of: $of) { text } }"
EDGE = "subscription ($of: String) { updates(of: $of) { edge } }"
BROKEN = "subscription ($of: String) { updates(of: $of) { broken } }"


def frame(key: Hashable = 1, text: str = "a") -> Update:
    return Update(key=key, words=text)


@pytest.fixture(autouse=True)
def _nothing_executed() -> None:
    executed.clear()


async def test_event_is_executed_and_encoded_once_for_all_who_may_see_the_same() -> None:
    shared = SharedExecutions()
    first, second = await subscribed(TEXT), await subscribed(TEXT)
    event = frame()

    one = shared.payload(first, shared.scope(first, ANONYMOUS), event)
    two = shared.payload(second, shared.scope(second, ANONYMOUS), event)

    assert one is two
    assert one == b'{"data":{"updates":{"text":"a"}}}'
    assert executed == ["a"]


@pytest.mark.parametrize(
    ("query", "who", "of", "key"),
    [
        pytest.param(TEXT, viewer(), "", 1, id="another owner"),
        pytest.param(TEXT, viewer(is_staff=True), "", 1, id="staff"),
        pytest.param(TEXT, ANONYMOUS, "x", 1, id="other variables"),
        pytest.param(TEXT + " ", ANONYMOUS, "", 1, id="another document"),
        pytest.param(TEXT, ANONYMOUS, "", 2, id="another event"),
    ],
)
async def test_nothing_is_shared_with(query: str, who: Viewer, of: str, key: int) -> None:
    shared = SharedExecutions()
    first, second = await subscribed(TEXT), await subscribed(query, who, of)

    shared.payload(first, shared.scope(first, ANONYMOUS), frame())
    shared.payload(second, shared.scope(second, who), frame(key))

    assert len(executed) == 2


async def test_staff_share_with_all_staff_and_nobody_else() -> None:
    owner = uuid4()

    assert rights_of(viewer(is_staff=True)) == rights_of(viewer(is_staff=True))
    assert rights_of(viewer(owner)) == rights_of(viewer(owner))
    assert rights_of(viewer(owner)) != rights_of(viewer(owner, is_staff=True))
    assert rights_of(viewer()) != rights_of(viewer())


async def test_execution_that_waits_is_shared_while_it_runs_and_then_forgotten() -> None:
    shared = SharedExecutions()
    subscription = await subscribed(EDGE)
    scope = shared.scope(subscription, ANONYMOUS)

    meanwhile = [shared.payload(subscription, scope, frame()) for _ in range(3)]
    payloads = [payload if isinstance(payload, bytes) else await payload for payload in meanwhile]
    later = shared.payload(subscription, scope, frame())
    assert not isinstance(later, bytes)
    await later

    assert set(payloads) == {b'{"data":{"updates":{"edge":"a"}}}'}
    assert executed == ["a", "a"]


async def test_one_who_leaves_does_not_take_the_execution_from_the_others() -> None:
    shared = SharedExecutions()
    subscription = await subscribed(EDGE)
    scope = shared.scope(subscription, ANONYMOUS)

    leaving, staying = (
        asyncio.ensure_future(payload)
        for payload in (shared.payload(subscription, scope, frame()) for _ in range(2))
        if not isinstance(payload, bytes)
    )
    leaving.cancel()

    assert json.loads(await staying) == {"data": {"updates": {"edge": "a"}}}


async def test_error_is_not_remembered() -> None:
    shared = SharedExecutions()
    subscription = await subscribed(BROKEN)
    scope = shared.scope(subscription, ANONYMOUS)

    for _ in range(2):
        payload = shared.payload(subscription, scope, frame())
        assert isinstance(payload, bytes)
        assert json.loads(payload)["errors"][0]["extensions"]["code"] == "INTERNAL"

    assert len(executed) == 2


async def test_memory_is_bounded_by_entries_and_by_bytes() -> None:
    few, small = SharedExecutions(entries=2), SharedExecutions(total_bytes=100)
    subscription = await subscribed(TEXT)

    for shared in (few, small):
        executed.clear()
        scope = shared.scope(subscription, ANONYMOUS)
        for key in (1, 2, 3, 3, 1):
            shared.payload(subscription, scope, frame(key, "x" * 20))
        assert len(executed) == 4


@pytest.mark.parametrize(
    "query",
    [
        "subscription { ...F } fragment F on Subscription { updates { text } }",
        "subscription { ... on Subscription { updates { text } } }",
    ],
)
async def test_document_whose_root_is_not_plain_shares_nothing(query: str) -> None:
    shared = SharedExecutions()
    subscription = await subscribed(query)

    scope = shared.scope(subscription, ANONYMOUS)

    assert scope is None
    assert shared.payload(subscription, scope, frame()) == b'{"data":{"updates":{"text":"a"}}}'


async def test_a_thousand_events_leave_nothing_behind_in_the_subscription() -> None:
    subscription = await subscribed(TEXT)
    remembered = subscription._executor._relevant_sub_fields  # noqa: SLF001 - it leaked unseen from outside

    for key in range(1_000):
        subscription.execute(frame(key))

    assert len(remembered) == 1
