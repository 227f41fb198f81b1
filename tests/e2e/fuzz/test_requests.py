"""Requests that no client would send: any method, any headers, any body, and documents that are nearly right."""

import http.client
import json
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.fuzz.conftest import ANSWER_SECONDS, FEW, Target, for_a_while

TASK = "01890000-0000-7000-8000-000000000000"
DOCUMENTS = [
    "{ __typename me { username } }",
    "query Q($n: Int) { tasks(first: $n) { nodes { id events(first: 2) { nodes { version } } } eventCursor } }",
    f'query {{ task(id: "{TASK}") {{ ...F }} }} fragment F on Task {{ id result: resultJson }}',
    'mutation M { submitTask(input: {task: {reverseString: {text: "a"}}}) { task { id } errors { __typename } } }',
    f'subscription {{ taskUpdated(id: "{TASK}") {{ kind }} }}',
    "subscription S($after: EventCursor) { tasksUpdated(after: $after) { kind cursor } }",
    'subscription { runTask(input: {task: {wait: {seconds: 0}}, idempotencyKey: "a"}) { kind } }',
    "{ __schema { types { name fields { name } } } }",
    "query A { __typename } query B { __typename }",
]
NASTY = [
    "\0",
    "\ud800",
    "{",
    "}",
    "(",
    '"',
    '"""',
    "...",
    "@",
    "$",
    "#",
    "\ufeff",
    "\u2028",
    "9" * 400,
    "{a" * 500,
    "!" * 50,
]

words = st.text(max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.sampled_from([10**400, -(10**30), 1e308]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=10,
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document that is right, with up to three places where something else has been put."""
    text = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + draw(st.sampled_from(NASTY) | words) + text[end:]
    return text


parameters = st.fixed_dictionaries(
    {"query": documents() | json_values},
    optional={
        "variables": json_values | st.fixed_dictionaries({}, optional={"n": json_values, "after": json_values}),
        "operationName": st.sampled_from(["Q", "S", "A", ""]) | json_values,
        "extensions": json_values,
    },
)
bodies = (
    parameters.map(lambda value: json.dumps(value).encode())
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=200)
    | st.sampled_from([b"", b"[" * 10_000, b'{"a":' * 10_000, b'{"query":' + b"9" * 100_000 + b"}", b"\x1f\x8b\x08\0"])
    | st.tuples(parameters, st.integers(0, 60)).map(lambda given: json.dumps(given[0]).encode()[: -given[1] or None])
)
header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
HEADERS = {
    "Content-Type": [
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=utf-16",
        ";" * 30_000,
    ],
    "Accept": [
        "application/graphql-response+json",
        "text/event-stream",
        "*/*",
        "text/html",
        "a/b;q=x, application/json",
        ";" * 30_000,
        "a/b," * 100_000,
    ],
    "Content-Encoding": ["gzip", "identity", "br"],
    "Authorization": ["Bearer x", "Basic x", "Bearer ", "Bearer {token}"],
    "Origin": ["null", "https://evil.example", "http://[", "http://127.0.0.1:99999"],
    "Cookie": ["sessionid=x", 'sessionid="\\000"', "sessionid=a; sessionid=b", "sessionid=a;" * 2_000],
    "Last-Event-ID": ["x", "AAAAAAAAAAAAAAAAAAAAAA.0", "AAAAAAAAAAAAAAAAAAAAAA.ffffffffffffffff"],
    "Host": ["127.0.0.1", "evil.example", "[::1", ""],
    "Sec-Fetch-Site": ["cross-site", "same-origin"],
    "X-Forwarded-Proto": ["https", "ftp"],
}
headers = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from(usual) | header_text for name, usual in HEADERS.items() if name != "Content-Type"},
)
content_types = st.sampled_from(HEADERS["Content-Type"]) | header_text
methods = st.sampled_from(["POST", "POST", "POST", "GET", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])


def send(target: Target, method: str, lines: dict[str, str], query: str, body: bytes) -> None:
    """Send one request, and read its answer; of a stream of events, what comes first."""
    where = urlsplit(target.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=ANSWER_SECONDS)
    try:
        connection.putrequest(method, where.path + query, skip_host="Host" in lines, skip_accept_encoding=True)
        for name, value in lines.items():
            connection.putheader(name, value.replace("{token}", str(target.api.token)).encode("latin-1"))
        if method == "POST":
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body if method == "POST" else None)
        response = connection.getresponse()
        kind = response.getheader("Content-Type") or ""
        if response.getheader("Server") is None and not kind and response.status == 400:
            return  # the server's own parser: the request was none of HTTP
        target.check(response.status, _by_us(kind), b"" if kind.startswith("text/event") else response.read())
        if kind.startswith("text/event"):
            assert response.read1(64), "a stream that says nothing"
    finally:
        connection.close()


def _by_us(kind: str) -> str:
    return "" if kind.startswith("text/plain") else kind  # uvicorn's answer to what is no HTTP


def test_no_request_is_a_fault_of_the_server(target: Target) -> None:
    @FEW
    @given(methods, headers, content_types, bodies)
    def some(method: str, given_headers: dict[str, str], content_type: str, body: bytes) -> None:
        query = "?" + quote(body[:500]) if method != "POST" else ""
        send(target, method, {"Content-Type": content_type, **given_headers}, query, body)
        target.answers_as_ever()

    for_a_while(0.25, some)


def test_no_parameters_are_a_fault_of_the_server(target: Target) -> None:
    usual = {"Content-Type": "application/json", "Authorization": "Bearer {token}"}

    @FEW
    @given(parameters, st.sampled_from(["POST", "GET"]), st.sampled_from(HEADERS["Accept"][:3]))
    def some(asked: dict[str, Any], method: str, accept: str) -> None:
        body = json.dumps(asked).encode()
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.items()}
        query = "?" + urlencode(texts, errors="surrogatepass") if method == "GET" else ""
        send(target, method, {**usual, "Accept": accept}, query[:8000], body)
        target.answers_as_ever()

    for_a_while(0.25, some)
