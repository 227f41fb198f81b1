"""What operations cost: fields and objects, multiplied by page sizes, whichever way these are given."""

from typing import Any

import pytest

from tasks.api.execution import Context, Documents, Prepared, RequestError, execute
from tasks.api.execution.complexity import cost_of
from tasks.api.schema import schema
from tasks.api.viewer import ANONYMOUS

DOCUMENTS = Documents(schema)
PAGE = "query ($n: Int) { tasks(first: $n) { nodes { id } } }"


def points(query: str, variables: dict[str, Any] | None = None) -> int:
    prepared = DOCUMENTS.prepare(query)
    assert isinstance(prepared, Prepared), prepared
    operation = prepared.operation()
    return cost_of(prepared.schema, prepared.fragment_definitions, operation, variables or {}, 18_000).points  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("{ __typename }", 1, id="a leaf"),
        pytest.param("{ me { id username } }", 1 + 1 + 2, id="an object"),
        pytest.param("{ tasks(first: 7) { nodes { id type } } }", 1 + 1 + 7 * 3, id="a page"),
        pytest.param("{ tasks(last: 7) { nodes { id type } } }", 1 + 1 + 7 * 3, id="from the end"),
        pytest.param("{ tasks(first: 7, last: 9) { nodes { id } } }", 1 + 1 + 9 * 2, id="both"),
        pytest.param("{ tasks { nodes { id } } }", 1 + 1 + 20 * 2, id="the default page"),
        pytest.param("{ tasks(first: null) { nodes { id } } }", 1 + 1 + 20 * 2, id="null is the default"),
        pytest.param("{ tasks(first: -5) { nodes { id } } }", 2, id="negative"),
        pytest.param("{ tasks(first: 7) { edges { cursor node { id } } } }", 2 + 7 * (1 + 1 + 1 + 1 + 1), id="edges"),
        pytest.param("{ tasks(first: 7) { pageInfo { hasNextPage } } }", 1 + 1 + 1 + 1, id="a page without its rows"),
        pytest.param("{ tasks(first: 0) { countUpTo(limit: 500) } }", 1 + 1 + 50, id="counting"),
        pytest.param("{ tasks(first: 0) { countUpTo } }", 1 + 1 + 100, id="counting by default"),
        pytest.param(
            "{ tasks(first: 3) { nodes { events(first: 4) { nodes { version } } } } }",
            2 + 3 * (1 + 1 + 1 + 4 * 2),
            id="a page in a page",
        ),
        pytest.param(
            "{ tasks(first: 3) { nodes { events { nodes { version } } } } }",
            2 + 3 * (1 + 1 + 1 + 100 * 2),
            id="the schema's default",
        ),
        pytest.param("{ tasks(first: 3) { nodes { attempts { number } } } }", 2 + 3 * (1 + 1 + 10 * 2), id="a list"),
        pytest.param("{ task(id: 1) { tags } }", 1 + 1 + 1, id="a list of leaves"),
        pytest.param(
            "{ task(id: 1) { id ... on ReverseStringTask { result { text } } ... on CountWordsTask { version } } }",
            1 + 1 + 1 + 3,
            id="an object has one type",
        ),
        pytest.param(
            "{ task(id: 1) { id ... on Task { type } ... { status } } }", 1 + 1 + 3, id="fragments on the same type"
        ),
        pytest.param(
            "{ tasks(first: 3) { ...P } b: tasks(first: 5) { ...P } } fragment P on TaskConnection { nodes { id } }",
            (2 + 3 * 2) + (2 + 5 * 2),
            id="one fragment on pages of two sizes",
        ),
        pytest.param("mutation { logout { ok } }", 1 + 1 + 1, id="a mutation"),
        pytest.param("{ __schema { types { fields { name } } } }", 6_001, id="an introspection"),
    ],
)
def test_cost(query: str, expected: int) -> None:
    assert points(query) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({"n": 7}, 7, id="a number"),
        pytest.param({"n": 7.0}, 7, id="a whole number as a float"),
        pytest.param({"n": None}, 20, id="null"),
        pytest.param({}, 20, id="none"),
        pytest.param({"n": "7"}, 20, id="no number, which is refused later"),
        pytest.param({"n": 10**30}, 2**31, id="beyond all pages"),
        pytest.param({"n": float("inf")}, 2**31, id="infinite"),
        pytest.param({"n": -1}, 0, id="negative"),
    ],
)
def test_page_size_by_variable(variables: dict[str, Any], expected: int) -> None:
    assert points(PAGE, variables) == 2 + expected * 2


def test_a_variable_has_the_default_that_the_operation_gives_it() -> None:
    assert points(PAGE.replace("$n: Int", "$n: Int = 50")) == 2 + 50 * 2


def test_what_variables_make_too_complex_is_refused_before_it_runs() -> None:
    prepared = DOCUMENTS.prepare(PAGE)
    assert isinstance(prepared, Prepared)

    result = execute(prepared, None, {"n": 10_000}, Context(ANONYMOUS))

    assert isinstance(result, RequestError)
    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["TOO_COMPLEX"]
