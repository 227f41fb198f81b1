"""Bad input: each mistake gets a clear answer, all of them at once, and nothing is lost or half-written."""

from collections.abc import Iterator
from typing import Any

import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

from tests.e2e.support import PASSPHRASE, Api, GraphQLErrors, Processes, wait_for

SUBMIT = """
    mutation ($input: SubmitTaskInput!, $wait: Float! = 0) { submitTask(input: $input, waitSeconds: $wait) {
      task { id status } deduplicated
      errors { __typename ... on UserError { code message path } ... on TooLarge { limit } }
    } }
"""
NUL, SURROGATE = "a\0b", "a\ud800b"
UNKNOWN_ID = "01890000-0000-7000-8000-000000000000"


def reverse(text: str) -> dict[str, Any]:
    """Return a task for submission."""
    return {"reverseString": {"text": text}}


REVERSE = reverse("abc")


@pytest.fixture(autouse=True)
def nothing_is_stored(processes: Processes) -> Iterator[None]:
    """After each test of this module there are as many tasks, and events, as before."""
    before = rows(processes)
    yield
    assert rows(processes) == before


@pytest.fixture(scope="module")
def final(api: Api) -> str:
    """A task that is SUCCEEDED."""
    return str(api.submit({"wait": {"seconds": 0}}, 30)["id"])


@pytest.fixture(scope="module")
def running(api: Api) -> Iterator[str]:
    """A task that is RUNNING, without a word, while the tests go on."""
    task_id = str(api.submit({"wait": {"seconds": 600}}, timeoutSeconds=600)["id"])
    wait_for(lambda: api.task(task_id)["status"] == "RUNNING", 30, "the task to run")
    yield task_id
    api("mutation($id: ID!) { cancelTask(input: {id: $id}) { task { id } } }", id=task_id)


def rows(processes: Processes) -> list[tuple[Any, ...]]:
    """Count tasks, and the events that tell of new ones."""
    return processes.database.rows(
        "SELECT (SELECT count(*) FROM tasks_task), (SELECT count(*) FROM tasks_event WHERE version = 1)"
    )


def faults(api: Api, given: dict[str, Any], wait: float = 0) -> dict[tuple[str, ...], dict[str, Any]]:
    """Submit and return what is wrong, by path."""
    payload = api(SUBMIT, input={"task": REVERSE, **given}, wait=wait)["submitTask"]
    assert (payload["task"], payload["deduplicated"]) == (None, False)
    return {tuple(error["path"]): error for error in payload["errors"]}


# --- what the schema refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "named"),
    [
        pytest.param({"task": {"unheardOf": {}}}, "unheardOf", id="an unknown task type"),
        pytest.param({"task": {}}, "task", id="no field in the oneOf"),
        pytest.param({"task": {"reverseString": {"text": "a"}, "wait": {"seconds": 1}}}, "task", id="two fields"),
        pytest.param({"task": {"reverseString": None}}, "reverseString", id="a null in the oneOf"),
        pytest.param({"task": {"reverseString": {"text": 7}}}, "text", id="a number for a string"),
        pytest.param({"task": {"addNumbers": {"a": "1", "b": 2}}}, "a", id="a string for a number"),
        pytest.param({"task": {"countPrimes": {"limit": 1.5}}}, "limit", id="a fraction for a whole number"),
        pytest.param({"task": {"generateRandomNumber": {"maximum": 2**31}}}, "maximum", id="over 32 bits"),
        pytest.param({"task": {"reverseString": {}}}, "text", id="a missing argument"),
        pytest.param({"task": {"reverseString": {"text": "a", "more": 1}}}, "more", id="an argument too many"),
        pytest.param({"task": REVERSE, "priority": "URGENT"}, "URGENT", id="an unknown priority"),
        pytest.param({"task": REVERSE, "tags": [1]}, "tags", id="a tag that is no string"),
        pytest.param({"task": REVERSE, "scheduledFor": "2030-01-01T00:00:00"}, "offset", id="a time without an offset"),
        pytest.param({"task": REVERSE, "scheduledFor": "tomorrow"}, "scheduledFor", id="no time at all"),
        pytest.param({"task": REVERSE, "scheduledFor": "2030-02-30T00:00:00Z"}, "scheduledFor", id="no day at all"),
        pytest.param({"task": REVERSE, "maxAttempts": "many"}, "maxAttempts", id="a word for a number"),
    ],
)
def test_what_the_schema_refuses_is_a_top_level_error(api: Api, given: dict[str, Any], named: str):
    answer = api.post({"query": SUBMIT, "variables": {"input": given}})

    assert not answer.get("data")
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert named in " ".join(error["message"] for error in answer["errors"])


# --- what submitTask refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "wait", "path", "word"),
    [
        pytest.param({"task": {"countPrimes": {"limit": -1}}}, 0, "task countPrimes limit", "0", id="too small"),
        pytest.param({"task": {"wait": {"seconds": 1e9}}}, 0, "task wait seconds", "", id="too big"),
        pytest.param({"task": {"tellStory": {"topic": ""}}}, 0, "task tellStory topic", "1 char", id="too short"),
        pytest.param({"delaySeconds": -1}, 0, "delaySeconds", "-1", id="a negative delay"),
        pytest.param({"delaySeconds": 1e12}, 0, "delaySeconds", "1e+12", id="a delay of ages"),
        pytest.param({"retryDelaySeconds": -0.5}, 0, "retryDelaySeconds", "-0.5", id="a negative retry delay"),
        pytest.param({"scheduledFor": "9999-01-01T00:00:00Z"}, 0, "scheduledFor", "9999", id="a time in ages"),
        pytest.param({"expiresInSeconds": 0}, 0, "expiresInSeconds", "more than 0", id="expired at once"),
        pytest.param({"expiresInSeconds": -5}, 0, "expiresInSeconds", "-5", id="expired before"),
        pytest.param({"timeoutSeconds": 3600.5}, 0, "timeoutSeconds", "3600", id="a time-out over the maximum"),
        pytest.param({"timeoutSeconds": 0}, 0, "timeoutSeconds", "more than 0", id="a time-out of nothing"),
        pytest.param({"maxAttempts": 0}, 0, "maxAttempts", "1", id="no attempt"),
        pytest.param({"maxAttempts": 10_000}, 0, "maxAttempts", "100", id="attempts without end"),
        pytest.param({"queue": "express"}, 0, "queue", "'default'", id="an unknown queue"),
        pytest.param({"queue": ""}, 0, "queue", "'default'", id="a queue without a name"),
        pytest.param({"queue": NUL}, 0, "queue", "'default'", id="a NUL in the queue"),
        pytest.param({"queue": SURROGATE}, 0, "queue", "'default'", id="a lone surrogate in the queue"),
        pytest.param({"tags": ["good", ""]}, 0, "tags 1", "", id="an empty tag"),
        pytest.param({"tags": ["good", NUL]}, 0, "tags 1", "", id="a NUL in a tag"),
        pytest.param({"tags": [SURROGATE]}, 0, "tags 0", "", id="a lone surrogate in a tag"),
        pytest.param({"metadata": {"a": [NUL]}}, 0, "metadata a 0", "", id="a NUL in metadata"),
        pytest.param({"metadata": {"a": {"b": SURROGATE}}}, 0, "metadata a b", "", id="a lone surrogate in metadata"),
        pytest.param({"metadata": {"b": 10**30}}, 0, "metadata b", "64 bits", id="a number too big for JSON"),
        pytest.param({"idempotencyKey": NUL}, 0, "idempotencyKey", "", id="a NUL in the key"),
        pytest.param({"idempotencyKey": SURROGATE}, 0, "idempotencyKey", "", id="a lone surrogate in the key"),
        pytest.param({"idempotencyKey": ""}, 0, "idempotencyKey", "1 to 255", id="an empty key"),
        pytest.param({"idempotencyKey": "k" * 256}, 0, "idempotencyKey", "256", id="a long key"),
        pytest.param({"task": reverse(NUL)}, 0, "task reverseString text", "", id="a NUL"),
        pytest.param({"task": reverse(SURROGATE)}, 0, "task reverseString text", "", id="half"),
        pytest.param(
            {"delaySeconds": 5, "scheduledFor": "2030-01-01T00:00:00Z"}, 0, "delaySeconds", "both", id="two times"
        ),
    ],
)
def test_a_mistake_is_told_with_its_path(api: Api, given: dict[str, Any], wait: float, path: str, word: str):
    found = faults(api, given, wait)

    assert list(found) == [("input", *path.split())]
    [error] = found.values()
    assert (error["__typename"], error["code"]) == ("InvalidArguments", "INVALID_ARGUMENTS")
    assert word in error["message"]


@pytest.mark.parametrize("wait", [60.5, -1, 1e300])
def test_a_wait_out_of_range_is_told_with_its_path(api: Api, wait: float):
    assert list(faults(api, {}, wait)) == [("waitSeconds",)]


@pytest.mark.parametrize("key", [NUL, SURROGATE])
def test_a_key_of_metadata_that_can_not_be_stored_is_named(api: Api, key: str):
    [path] = faults(api, {"metadata": {"good": 1, key: 2}})

    assert path[:2] == ("input", "metadata")
    assert len(path) == 3


@pytest.mark.parametrize(
    ("given", "path", "limit"),
    [
        pytest.param({"task": reverse("x" * 300_000)}, "task reverseString", 262_144, id="an argument"),
        pytest.param({"task": reverse("ü" * 150_000)}, "task reverseString", 262_144, id="umlauts"),
        pytest.param({"metadata": {"a": "x" * 20_000}}, "metadata", 16_384, id="metadata"),
        pytest.param({"tags": [f"tag {number}" for number in range(200)]}, "tags", 50, id="200 tags"),
        pytest.param({"tags": ["x" * 101]}, "tags 0", 100, id="a long tag"),
    ],
)
def test_what_is_too_large_is_told_with_its_limit(api: Api, given: dict[str, Any], path: str, limit: int):
    found = faults(api, given)

    [error] = found.values()
    assert (error["__typename"], error["code"], error["limit"]) == ("TooLarge", "TOO_LARGE", limit)
    assert error["path"][: 1 + len(path.split())] == ["input", *path.split()]


def test_ten_megabytes_are_not_even_read(api: Api):
    answer = api.post({"query": SUBMIT, "variables": {"input": {"task": reverse("x" * 10_000_000)}}})

    assert "data" not in answer
    assert "1048576" in answer["errors"][0]["message"]


def test_several_mistakes_are_all_told_at_once(api: Api):
    given = {
        "task": {"tellStory": {"topic": NUL, "sentences": -3}},
        "queue": "express",
        "delaySeconds": -1,
        "scheduledFor": "2030-01-01T00:00:00Z",
        "expiresInSeconds": 0,
        "maxAttempts": 0,
        "timeoutSeconds": 1e9,
        "retryDelaySeconds": -1,
        "tags": ["", SURROGATE],
        "metadata": {"a": NUL},
        "idempotencyKey": NUL,
    }

    found = faults(api, given, wait=1e9)

    assert set(found) == {
        ("input", "task", "tellStory", "topic"),
        ("input", "task", "tellStory", "sentences"),
        ("input", "queue"),
        ("input", "delaySeconds"),
        ("input", "expiresInSeconds"),
        ("input", "maxAttempts"),
        ("input", "timeoutSeconds"),
        ("input", "retryDelaySeconds"),
        ("input", "tags", "0"),
        ("input", "tags", "1"),
        ("input", "metadata", "a"),
        ("input", "idempotencyKey"),
        ("waitSeconds",),
    }


# --- users ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [NUL, SURROGATE, "", "two words", "x" * 200])
def test_a_name_that_can_not_be_is_refused_and_nobody_by_it_signs_in(processes: Processes, name: str):
    payload = "{ token errors { __typename ... on UserError { path } } }"
    given = {"username": name, "password": PASSPHRASE}

    registered = processes.api(f"mutation($i: RegisterInput!) {{ register(input: $i) {payload} }}", i=given)["register"]
    entered = processes.api(f"mutation($i: LoginInput!) {{ login(input: $i) {payload} }}", i=given)["login"]

    assert registered["token"] is None
    assert {(e["__typename"], *e["path"]) for e in registered["errors"]} == {
        ("InvalidRegistration", "input", "username")
    }
    assert [error["__typename"] for error in entered["errors"]] == ["InvalidCredentials"]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param("tasks(first: -1) { nodes { id } }", "BAD_USER_INPUT", id="first: -1"),
        pytest.param("tasks(first: 101) { nodes { id } }", "BAD_USER_INPUT", id="first over the maximum"),
        pytest.param("tasks(last: -1) { nodes { id } }", "BAD_USER_INPUT", id="last: -1"),
        pytest.param("tasks(first: 1, last: 1) { nodes { id } }", "BAD_USER_INPUT", id="first and last"),
        pytest.param('tasks(first: 1, after: "7") { nodes { id } }', "INVALID_CURSOR", id="a malformed cursor"),
        pytest.param('tasks(first: 1, after: "") { nodes { id } }', "INVALID_CURSOR", id="an empty cursor"),
        pytest.param('tasks(last: 1, before: "\\u0000") { nodes { id } }', "INVALID_CURSOR", id="a NUL for a cursor"),
        pytest.param("tasks { countUpTo(limit: -1) }", "BAD_USER_INPUT", id="a count up to -1"),
        pytest.param("tasks { countUpTo(limit: 10001) }", "BAD_USER_INPUT", id="a count without end"),
    ],
)
def test_a_page_that_can_not_be_is_refused(api: Api, asked: str, code: str):
    answer = api.post({"query": f"{{ {asked} }}"})

    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param("first: -1", "BAD_USER_INPUT", id="first: -1"),
        pytest.param("first: 1001", "BAD_USER_INPUT", id="first over the maximum"),
        pytest.param('after: "nonsense"', "INVALID_CURSOR", id="a malformed cursor"),
    ],
)
def test_events_that_can_not_be_are_refused(api: Api, final: str, arguments: str, code: str):
    query = f"query($id: ID!) {{ task(id: $id) {{ events({arguments}) {{ nodes {{ version }} }} }} }}"

    answer = api.post({"query": query, "variables": {"id": final}})

    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


@pytest.mark.parametrize("task_id", ["7", "", NUL, SURROGATE, "TaskType:none", UNKNOWN_ID])
def test_an_id_that_is_nobodys_is_null(api: Api, task_id: str):
    assert api("query($id: ID!) { task(id: $id) { id } node(id: $id) { id } }", id=task_id) == {
        "task": None,
        "node": None,
    }


@pytest.mark.parametrize("field", ["types", "tagsAny", "tagsAll", "queues", "ids"])
def test_a_filter_by_what_no_task_can_have_finds_nothing(api: Api, field: str):
    for value in (NUL, SURROGATE):
        asked = api.post(
            {
                "query": "query($f: TaskFilter) { tasks(filter: $f) { nodes { id } } }",
                "variables": {"f": {field: [value]}},
            }
        )

        codes = [error["extensions"]["code"] for error in asked.get("errors", [])]
        assert codes == ["BAD_USER_INPUT"] or asked["data"]["tasks"]["nodes"] == []


# --- changing ---------------------------------------------------------------------------------------------------------

CHANGE = """
    mutation ($id: ID!) {
      cancelTask(input: {id: $id}) { task { status } errors { __typename ... on UserError { code path }
        ... on NotCancellable { status } } }
      retryTask(input: {id: $id}) { task { status } errors { __typename ... on UserError { code path }
        ... on NotRetryable { status } } }
    }
"""


@pytest.mark.parametrize("task_id", ["7", NUL, SURROGATE, UNKNOWN_ID])
def test_an_unknown_task_is_neither_cancelled_nor_retried(api: Api, task_id: str):
    answer = api(CHANGE, id=task_id)

    not_found = {"task": None, "errors": [{"__typename": "NotFound", "code": "NOT_FOUND", "path": ["input", "id"]}]}
    assert answer == {"cancelTask": not_found, "retryTask": not_found}


def test_a_final_task_is_not_cancelled(api: Api, final: str):
    answer = api(CHANGE, id=final)

    assert answer["cancelTask"] == {
        "task": {"status": "SUCCEEDED"},
        "errors": [
            {
                "__typename": "NotCancellable",
                "code": "NOT_CANCELLABLE",
                "path": ["input", "id"],
                "status": "SUCCEEDED",
            }
        ],
    }
    assert answer["retryTask"]["errors"][0]["status"] == "SUCCEEDED"


def test_a_running_task_is_not_retried(api: Api, running: str):
    retry = "retryTask(input: {id: $id}) { errors { __typename ... on NotRetryable { code path status } } }"

    answer = api(f"mutation($id: ID!) {{ {retry} }}", id=running)["retryTask"]

    assert answer["errors"] == [
        {"__typename": "NotRetryable", "code": "NOT_RETRYABLE", "path": ["input", "id"], "status": "RUNNING"}
    ]


# --- watching ---------------------------------------------------------------------------------------------------------

FEED = "subscription($after: EventCursor) { tasksUpdated(after: $after) { kind } }"
WATCH = "subscription($id: ID!, $after: EventCursor) { taskUpdated(id: $id, after: $after) { kind task { id } } }"
RUN = "subscription($input: RunTaskInput!) { runTask(input: $input) { kind } }"


async def test_a_subscription_that_can_not_be_ends_with_an_error_and_its_socket_lives_on(api: Api, final: str):
    transport = WebsocketsTransport(
        url=api.socket_url,
        init_payload={"authorization": f"Bearer {api.token}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    refused = {"task": REVERSE, "idempotencyKey": "k", "queue": "express", "delaySeconds": -1}

    async with Client(transport=transport) as session:

        async def error(query: str, **variables: Any) -> dict[str, Any]:
            with pytest.raises(TransportQueryError) as caught:
                [frame async for frame in session.subscribe(GraphQLRequest(query, variable_values=variables))]
            [told] = caught.value.errors or []
            return dict(told["extensions"])

        assert (await error(WATCH, id=UNKNOWN_ID))["code"] == "NOT_FOUND"
        assert (await error(WATCH, id="7"))["code"] == "NOT_FOUND"
        assert (await error(WATCH, id=NUL))["code"] == "NOT_FOUND"
        assert (await error(WATCH, id=final, after="nonsense"))["code"] == "INVALID_CURSOR"
        assert (await error(FEED, after="7"))["code"] == "INVALID_CURSOR"
        told = await error(RUN, input=refused)
        assert told["code"] == "BAD_USER_INPUT"
        assert {tuple(fault["path"]) for fault in told["errors"]} == {("input", "queue"), ("input", "delaySeconds")}
        frames = [frame async for frame in session.subscribe(GraphQLRequest(WATCH, variable_values={"id": final}))]

    assert frames == [{"taskUpdated": {"kind": "SNAPSHOT", "task": {"id": final}}}]


def test_a_subscription_by_http_is_refused(api: Api):
    with pytest.raises(GraphQLErrors):
        api(WATCH, id=UNKNOWN_ID)
