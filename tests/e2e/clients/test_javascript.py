"""graphql-ws, graphql-sse, Apollo Client and urql, from npm, go through `scenario.mjs` against a real server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import node
from tests.e2e.support import Processes

OVER_SOCKETS = ["graphql-ws", "apollo", "urql-ws"]
OVER_EVENTS = ["graphql-sse", "urql-sse"]
Told = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def told(scripts: Path, processes: Processes) -> Told:
    """What each client was told, by its name; Apollo's `__typename`s, which it adds to every selection, left out."""
    tokens = {name: processes.api.register(name).token for name in (*OVER_SOCKETS, *OVER_EVENTS)}
    command = (node.program("node"), "scenario.mjs", f"{processes.base_url}/graphql", json.dumps(tokens))
    printed = node.run(*command, folder=scripts)
    found: Told = json.loads(printed, object_hook=lambda value: {k: v for k, v in value.items() if k != "__typename"})
    return found


each = pytest.mark.parametrize("name", [*OVER_SOCKETS, *OVER_EVENTS])


@each
def test_it_came_to_the_end(told: Told, name: str) -> None:
    assert "fault" not in told[name]


@each
def test_queries_and_mutations_are_answered(told: Told, name: str) -> None:
    assert told[name]["query"] == {"me": {"username": name}}
    assert told[name]["submitted"] == "string"


@each
def test_a_subscription_is_followed_to_its_last_event(told: Told, name: str) -> None:
    assert told[name]["watched"] == {"status": "SUCCEEDED", "result": {"text": "evil"}}


@each
def test_several_subscriptions_run_at_once(told: Told, name: str) -> None:
    assert told[name]["several"] == ["ba", "dc", "fe"]


@each
def test_who_unsubscribes_hears_no_more_and_goes_on(told: Told, name: str) -> None:
    assert told[name]["stopped"] == ["POSITION"]
    assert told[name]["wentOn"] == {"me": {"username": name}}


@each
def test_errors_come_with_their_codes_and_the_client_lives_on(told: Told, name: str) -> None:
    assert told[name]["invalidQuery"] == ["GRAPHQL_VALIDATION_FAILED"]
    assert told[name]["invalidSubscription"] == ["GRAPHQL_VALIDATION_FAILED"]
    assert told[name]["foreign"] == ["NOT_FOUND"]
    assert told[name]["livesOn"] == {"me": {"username": name}}


@each
def test_without_a_login_a_subscription_is_refused(told: Told, name: str) -> None:
    assert told[name]["nobody"] == ["UNAUTHENTICATED"]


@each
def test_what_is_idle_for_several_heartbeats_stays(told: Told, name: str) -> None:
    assert told[name]["idle"] == "SUCCEEDED"


@pytest.mark.parametrize("name", OVER_SOCKETS)
def test_one_socket_carried_it_all_and_was_pinged(told: Told, name: str) -> None:
    assert told[name]["seen"]["sockets"] == 1
    assert told[name]["seen"]["pings"] >= 2


def test_the_client_s_own_pings_are_answered(told: Told) -> None:
    assert told["graphql-ws"]["seen"]["pongs"] >= 3


@pytest.mark.parametrize("name", OVER_SOCKETS)
def test_a_bad_token_closes_the_socket_4403(told: Told, name: str) -> None:
    assert told[name]["closed"] == 4403


def test_a_bad_token_is_answered_401_with_its_code(told: Told) -> None:
    assert told["graphql-sse"]["stranger"]["status"] == 401
    assert told["urql-sse"]["stranger"]["extensions"] == {"code": "UNAUTHENTICATED"}
