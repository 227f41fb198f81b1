"""A socket lives no longer than the credentials that opened it: the real door, schema and store, in this very loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError
from pytest_django.fixtures import Settings

from tasks import accounts, database
from tasks.accounts import AuthAnswer
from tasks.api import viewer as viewers_module
from tasks.api.execution import SharedExecutions
from tasks.api.transport.heartbeat import Heartbeat
from tasks.api.transport.http import Door, GraphQLHTTP
from tasks.api.transport.rules import SocketRules
from tasks.api.transport.socket import GraphQLSocket
from tasks.api.viewer import ANONYMOUS, Viewers
from tasks.errors import Unauthenticated
from tasks.hub import current_hub
from tasks.models import AccessToken, Task, User
from tests.asgi_client import AsgiClient
from tests.integration.asking import DOCUMENTS
from tests.waiting import DEADLINE_SECONDS, until

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"
OWN_PAGE, FOREIGN_PAGE = b"http://testserver", b"https://evil.example"
ME = "{ me { username } }"
LOGOUT = "mutation { logout { ok } }"
SUBMIT = """
    mutation ($wait: Float!) { submitTask(input: {task: {reverseString: {text: "abc"}}}, waitSeconds: $wait) {
      task { id } errors { ... on UserError { code } }
    } }
"""


@pytest.fixture(autouse=True)
def ada(settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.REGISTRATION_OPEN = True
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
async def entered(ada: User) -> AuthAnswer:  # noqa: ARG001 - she must be there first
    return await accounts.login("ada", PASSWORD)


class Socket:
    """A client's end."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Any] = asyncio.Queue()

    async def take(self, sent: dict[str, Any]) -> None:
        """Take what the server sends. A ping is answered at once, however busy the test is."""
        if sent["type"] == "websocket.close":
            self.outgoing.put_nowait(sent["code"])
        elif sent["type"].startswith("websocket.http"):
            self.outgoing.put_nowait(sent)
        elif sent["type"] == "websocket.send":
            message = json.loads(sent["text"])
            if message == {"type": "ping"}:
                self.say(type="pong")
            else:
                self.outgoing.put_nowait(message)

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def subscribe(self, identifier: str, query: str, **variables: Any) -> None:
        """Begin an operation."""
        self.say(type="subscribe", id=identifier, payload={"query": query, "variables": variables})

    async def hear(self) -> Any:
        """Return the next message, or the code with which the socket was closed."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.outgoing.get()

    async def ask(self, query: str, **variables: Any) -> Any:
        """Run a query or mutation and return its data; nothing but its answer may come."""
        self.subscribe("ask", query, **variables)
        answer = await self.hear()
        assert (answer["id"], answer["type"]) == ("ask", "next"), answer
        assert await self.hear() == {"id": "ask", "type": "complete"}
        return answer["payload"]["data"]


@asynccontextmanager
async def connected(
    viewers: Viewers,
    *,
    token: str | None = None,
    session_key: str | None = None,
    origin: bytes = OWN_PAGE,
    beat_seconds: float = 20.0,
) -> AsyncIterator[Socket]:
    """Open a socket with these credentials, as another process would that asks `viewers`."""
    rules = SocketRules(
        documents=DOCUMENTS,
        shared=SharedExecutions(),
        viewers=viewers,
        door=Door(),
        max_bytes=10_000,
        max_operations=10,
        outbox_frames=100,
        outbox_characters=100_000,
        handshake_seconds=10.0,
        heartbeat=Heartbeat(beat_seconds, 10.0),
    )
    headers = [(b"host", b"testserver"), (b"origin", origin)]
    if session_key is not None:
        headers.append((b"cookie", f"sessionid={session_key}".encode()))
    scope = {"type": "websocket", "headers": headers, "subprotocols": ["graphql-transport-ws"], "path": "/graphql"}
    socket = Socket()
    serving = asyncio.create_task(GraphQLSocket.as_asgi(rules)(scope, socket.incoming.get, socket.take))
    socket.incoming.put_nowait({"type": "websocket.connect"})
    socket.say(type="connection_init", payload={"authorization": f"Bearer {token}"} if token else {})
    try:
        assert await socket.hear() == {"type": "connection_ack"}
        yield socket
    finally:
        socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(serving, DEADLINE_SECONDS)


def credential(entered: AuthAnswer, kind: str) -> dict[str, str | None]:
    return {"token": entered.token} if kind == "token" else {"session_key": entered.session_key}


# --- what happens elsewhere -------------------------------------------------------------------------------------------


def change(**columns: Any) -> Callable[[], object]:
    return lambda: User.objects.update(**columns)


@pytest.mark.parametrize(
    ("kind", "happening"),
    [
        pytest.param("token", change(is_active=False), id="token, deactivated"),
        pytest.param("session", change(is_active=False), id="session, deactivated"),
        pytest.param("token", change(is_staff=True), id="token, made staff"),
        pytest.param("session", change(is_staff=True), id="session, made staff"),
        pytest.param("session", change(password="another"), id="session, new password"),
        pytest.param("token", lambda: User.objects.all().delete(), id="token, deleted"),
        pytest.param("session", lambda: User.objects.all().delete(), id="session, deleted"),
        pytest.param("token", lambda: AccessToken.objects.all().delete(), id="token, revoked"),
        pytest.param("session", lambda: Session.objects.all().delete(), id="session, ended"),
    ],
)
async def test_socket_is_closed_when_its_credential_no_longer_means_the_same(
    entered: AuthAnswer, kind: str, happening: Callable[[], object]
) -> None:
    async with connected(Viewers(seconds=0), beat_seconds=0.05, **credential(entered, kind)) as socket:  # type: ignore[arg-type]
        assert await socket.ask(ME) == {"me": {"username": "ada"}}

        await database.write(happening)

        assert await socket.hear() == 4403


@pytest.mark.parametrize("kind", ["token", "session"])
async def test_logout_over_http_closes_the_socket(entered: AuthAnswer, kind: str) -> None:
    headers = {
        "token": {"authorization": f"Bearer {entered.token}"},
        "session": {"origin": "http://testserver", "cookie": f"sessionid={entered.session_key}"},
    }
    async with connected(Viewers(seconds=0), beat_seconds=0.05, **credential(entered, kind)) as socket:  # type: ignore[arg-type]
        left = await AsgiClient(GraphQLHTTP(DOCUMENTS)).post({"query": LOGOUT}, headers[kind])

        assert left.json() == {"data": {"logout": {"ok": True}}}
        assert await socket.hear() == 4403


async def test_socket_stays_while_nothing_changes_and_while_the_store_is_away(
    entered: AuthAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, looked_up = asyncio.Queue[bool](), viewers_module._by_digest  # noqa: SLF001
    loop, is_away = asyncio.get_running_loop(), False

    def look_up(digest: bytes) -> Any:
        loop.call_soon_threadsafe(asked.put_nowait, is_away)
        if is_away:
            raise OperationalError("server closed the connection")
        return looked_up(digest)

    async def until_asked(times: int, *, away: bool) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            for _ in range(times):
                while await asked.get() is not away:
                    pass

    monkeypatch.setattr(viewers_module, "_by_digest", look_up)
    async with connected(Viewers(seconds=0), token=entered.token, beat_seconds=0.05) as socket:
        answering = asyncio.create_task(socket.hear())
        await until_asked(3, away=False)
        is_away = True
        await until_asked(6, away=True)
        is_away = False
        await until_asked(3, away=False)

        assert not answering.done()
        answering.cancel()
        assert await socket.ask(ME) == {"me": {"username": "ada"}}


async def test_nobody_is_not_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    beaten = asyncio.Event()
    beat = GraphQLSocket.beat

    def noted(socket: GraphQLSocket) -> None:
        beat(socket)
        assert socket._asking is None  # noqa: SLF001 - that nothing was begun
        beaten.set()

    monkeypatch.setattr(GraphQLSocket, "beat", noted)
    async with connected(Viewers(), beat_seconds=0.05):
        await asyncio.wait_for(beaten.wait(), DEADLINE_SECONDS)


# --- what happens on the socket ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["token", "session"])
async def test_logout_on_a_socket_ends_its_credential_and_then_the_socket(entered: AuthAnswer, kind: str) -> None:
    viewers = Viewers(seconds=600)
    async with connected(viewers, **credential(entered, kind)) as socket:  # type: ignore[arg-type]
        assert await socket.ask(LOGOUT) == {"logout": {"ok": True}}
        assert await socket.hear() == 4403

    for of_process in (viewers, Viewers()):
        if entered.session_key is not None and kind == "session":
            assert await of_process.by_session(entered.session_key) == ANONYMOUS
        else:
            with pytest.raises(Unauthenticated):
                await of_process.by_authorization(f"Bearer {entered.token}")


async def test_logout_that_is_not_waited_for_closes_the_socket_all_the_same(entered: AuthAnswer) -> None:
    async with connected(Viewers(), token=entered.token) as socket:
        socket.subscribe("1", LOGOUT)
        socket.say(type="complete", id="1")

        while isinstance(heard := await socket.hear(), dict):
            assert heard["id"] == "1"
        assert heard == 4403


async def test_foreign_page_with_a_token_can_not_end_the_browser_s_session(entered: AuthAnswer, ada: User) -> None:
    async with connected(
        Viewers(), token=entered.token, session_key=entered.session_key, origin=FOREIGN_PAGE
    ) as socket:
        await socket.ask(LOGOUT)

    assert entered.session_key is not None
    assert (await Viewers().by_session(entered.session_key)).user_id == ada.pk


@pytest.mark.parametrize(
    "mutation",
    [
        'login(input: {username: "ada", password: "correct horse battery"})',
        'register(input: {username: "bob", password: "correct horse battery"})',
    ],
)
async def test_sign_in_on_a_socket_makes_a_token_and_leaves_sessions_alone(entered: AuthAnswer, mutation: str) -> None:
    async with connected(Viewers(seconds=0), session_key=entered.session_key) as socket:
        [answer] = (await socket.ask(f"mutation {{ {mutation} {{ token user {{ id }} }} }}")).values()

        assert await socket.ask(ME) == {"me": {"username": "ada"}}
    viewer = await Viewers().by_authorization(f"Bearer {answer['token']}")
    assert str(viewer.user_id) == answer["user"]["id"]
    assert await database.read(lambda: [s.pk for s in Session.objects.all()]) == [entered.session_key]


# --- who leaves while waiting -----------------------------------------------------------------------------------------


@pytest.fixture
async def _one_waiter_a_user(settings: Settings, redis_url: str) -> AsyncIterator[None]:  # noqa: ARG001 - emptied
    settings.MAX_WAITERS_PER_USER = 1
    yield
    await current_hub().stop()


async def until_stored() -> None:
    """Wait until the first task is there: then its submission waits for its end."""
    await until(lambda: database.read(Task.objects.count))


async def answer_with_waiting(client: AsgiClient, bearer: dict[str, str], seconds: float) -> Any:
    response = await client.post({"query": SUBMIT, "variables": {"wait": seconds}}, bearer)
    return response.json()["data"]["submitTask"]


@pytest.mark.usefixtures("_one_waiter_a_user")
async def test_client_that_leaves_over_http_frees_its_waiter(entered: AuthAnswer) -> None:
    bearer = {"authorization": f"Bearer {entered.token}"}
    leaving, staying = (AsgiClient(GraphQLHTTP(DOCUMENTS)) for _ in range(2))
    waiting = asyncio.create_task(answer_with_waiting(leaving, bearer, 60))
    await until_stored()
    refused = await answer_with_waiting(staying, bearer, 60)

    leaving.disconnect.set()
    left = await asyncio.wait_for(waiting, DEADLINE_SECONDS)

    assert refused["errors"] == [{"code": "RATE_LIMITED"}]
    assert await database.read(Task.objects.get, id=left["task"]["id"]) is not None
    assert (await answer_with_waiting(staying, bearer, 0.01))["errors"] == []


@pytest.mark.usefixtures("_one_waiter_a_user")
@pytest.mark.parametrize("how", ["complete", "disconnect"])
async def test_client_that_leaves_over_a_socket_frees_its_waiter(entered: AuthAnswer, how: str) -> None:
    bearer = {"authorization": f"Bearer {entered.token}"}
    client = AsgiClient(GraphQLHTTP(DOCUMENTS))
    async with connected(Viewers(), token=entered.token) as socket:
        socket.subscribe("1", SUBMIT, wait=60)
        await until_stored()
        assert (await answer_with_waiting(client, bearer, 60))["errors"] == [{"code": "RATE_LIMITED"}]
        if how == "complete":
            socket.say(type="complete", id="1")
            async with asyncio.timeout(DEADLINE_SECONDS):
                while (await answer_with_waiting(client, bearer, 0.01))["errors"]:
                    pass

    assert (await answer_with_waiting(client, bearer, 0.01))["errors"] == []
