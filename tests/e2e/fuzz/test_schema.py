"""schemathesis makes operations from the server's own schema, with every scalar of ours, and none may be a fault."""

from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from tests.e2e.fuzz.conftest import ANSWER_SECONDS, FEW, Target, for_a_while

_strings = st.text(max_size=20) | st.sampled_from(["", "\0", "\ud800".encode("utf-8", "replace").decode()])
_times = st.datetimes().map(lambda value: f"{value.isoformat()}Z")
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "BigInt": (st.integers() | st.integers(-(2**80), 2**80)).map(nodes.Int),
    "Date": (st.dates().map(str) | _strings).map(nodes.String),
    "DateTime": (_times | _strings).map(nodes.String),
    "Decimal": (st.decimals().map(str) | _strings).map(nodes.String),
    "EventCursor": (_strings | st.just("AAAAAAAAAAAAAAAAAAAAAA.1")).map(nodes.String),
    "JSON": _strings.map(nodes.String) | st.integers().map(nodes.Int),
    "Time": (st.times().map(str) | _strings).map(nodes.String),
    "UUID": (st.uuids().map(str) | _strings).map(nodes.String),
}


@pytest.fixture(scope="module")
def operations(target: Target) -> st.SearchStrategy[Any]:
    """Cases of every query and mutation but `logout`, which would end the fuzzer's own login."""
    for name, strategy in SCALARS.items():
        schemathesis.graphql.scalar(name, strategy)
    schema = schemathesis.graphql.from_url(target.url, timeout=ANSWER_SECONDS).exclude(name="Mutation.logout")
    return st.one_of([found.ok().as_strategy() for found in schema.get_all_operations() if isinstance(found, Ok)])


def test_no_operation_of_the_schema_is_a_fault_of_the_server(target: Target, operations: Any) -> None:
    @FEW
    @given(operations)
    def some(case: Any) -> None:
        headers = {"Authorization": f"Bearer {target.api.token}"}
        response = case.call(headers=headers, timeout=ANSWER_SECONDS)
        target.check(response.status_code, response.headers["content-type"][0], response.content)
        target.answers_as_ever()

    for_a_while(0.3, some)
