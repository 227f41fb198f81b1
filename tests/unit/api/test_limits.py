"""What a document and its variables may be: each limit, its code, and documents made to cost."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLError, get_introspection_query

from tasks.api.execution import Documents, Limits, Prepared, formatted
from tasks.api.execution.documents import SHORT
from tasks.api.execution.limits import oversized
from tasks.api.execution.payloads import MAX_MESSAGE_CHARACTERS
from tasks.api.schema import schema
from tests.hostile_documents import REFUSED

DOCUMENTS = Documents(schema)
LEAST = Limits(
    max_characters=1_000,
    max_tokens=60,
    max_definitions=2,
    max_directives=1,
    max_depth=3,
    max_aliases=2,
    max_root_fields=2,
    max_fields=10,
    max_overlaps=3,
    max_complexity=100,
    max_errors=2,
    introspection=False,
)


def codes(documents: Documents, query: str) -> list[str]:
    made = documents.prepare(query)
    return [] if isinstance(made, Prepared) else [str((error.extensions or {}).get("code")) for error in made]


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_document_is_refused_with_few_words(name: str) -> None:
    query, code = REFUSED[name]

    errors = DOCUMENTS.prepare(query)

    assert isinstance(errors, list)
    assert (errors[0].extensions or {})["code"] == code
    assert len(errors) <= DOCUMENTS.limits.max_errors + 1
    assert all(len(error["message"]) <= MAX_MESSAGE_CHARACTERS for error in formatted(errors))


@pytest.mark.parametrize(
    ("within", "beyond", "code"),
    [
        pytest.param("{ me { id } }" + " " * 987, "{ me { id } }" + " " * 988, "TOO_LARGE", id="characters"),
        pytest.param("{ " + "me{id} " * 3 + "}", "{ " + "me{id} " * 15 + "}", "TOO_MANY_TOKENS", id="tokens"),
        pytest.param(
            "query A { me { id } } query B { me { id } }",
            "query A { me { id } } query B { me { id } } query C { me { id } }",
            "TOO_MANY_DEFINITIONS",
            id="definitions",
        ),
        pytest.param(
            "{ me @skip(if: true) { id } }",
            "{ me @skip(if: true) { id @skip(if: true) } }",
            "TOO_MANY_DIRECTIVES",
            id="directives",
        ),
        pytest.param(
            "query @skip(if: true) { me { id } }",  # misplaced, but within the limit
            "query ($a: Int @deprecated) @skip(if: true) { me { id } }",
            "TOO_MANY_DIRECTIVES",
            id="directives elsewhere",
        ),
        pytest.param(
            "{ task(id: 1) { owner { id } } }",
            "{ task(id: 1) { batch: attempts { failure { code } } } }",
            "TOO_DEEP",
            id="depth",
        ),
        pytest.param(
            "{ a: __typename b: __typename }",
            "{ a: __typename b: __typename c: __typename }",
            "TOO_MANY_ALIASES",
            id="aliases",
        ),
        pytest.param(
            "mutation { logout { ok } a: logout { ok } }",
            "mutation { logout { ok } ...F } fragment F on Mutation { a: logout { ok } b: logout { ok } }",
            "TOO_MANY_ROOT_FIELDS",
            id="root fields",
        ),
        pytest.param(
            "{ task(id: 1) { id type status version attempt queue tags cursor isFinal } }",
            "{ task(id: 1) { id type status version attempt queue tags cursor isFinal createdAt } }",
            "TOO_MANY_FIELDS",
            id="fields",
        ),
        pytest.param("{ me { id id id } }", "{ me { id id id id } }", "TOO_COMPLEX", id="overlaps"),
        pytest.param(
            "{ tasks(first: 9) { nodes { id } } }",
            "{ tasks(first: 90) { nodes { id } } }",
            "TOO_COMPLEX",
            id="complexity",
        ),
        pytest.param("{ __typename }", "{ __schema { types { name } } }", "INTROSPECTION_DISABLED", id="introspection"),
        pytest.param(
            "{ __typename }", '{ __type(name: "Task") { name } }', "INTROSPECTION_DISABLED", id="one type of it"
        ),
    ],
)
def test_each_limit_has_its_code(within: str, beyond: str, code: str) -> None:
    documents = Documents(schema, LEAST)

    assert code not in codes(documents, within)
    assert codes(documents, beyond) == [code]


def test_what_is_over_a_limit_is_told_the_limit() -> None:
    [error] = DOCUMENTS.prepare("{ " + " ".join(f"a{i}: __typename" for i in range(101)) + " }")  # type: ignore[misc]

    assert error.extensions == {"code": "TOO_MANY_ALIASES", "limit": 100}
    assert error.message == "The operation has 101 aliases, at most 100 are allowed."


def test_few_of_many_faults_are_told() -> None:
    assert codes(DOCUMENTS, "{ " + " ".join(f"nope{i}" for i in range(100)) + " }") == ["GRAPHQL_VALIDATION_FAILED"] * 6


@pytest.mark.parametrize(
    "query", ["{ mee }", "{ task(idd: 1) { id } }", "{ tasks(orderBy: NEWEST_FIRS) { nodes { id } } }"]
)
def test_names_are_suggested_only_where_introspection_is_on(query: str) -> None:
    told = DOCUMENTS.prepare(query)
    kept = Documents(schema, replace(Limits(), introspection=False)).prepare(query)

    assert isinstance(told, list)
    assert isinstance(kept, list)
    assert any("Did you mean" in error.message for error in told)
    assert not any("Did you mean" in error.message for error in kept)


def test_introspection_is_within_the_limits() -> None:
    assert isinstance(DOCUMENTS.prepare(get_introspection_query(input_value_deprecation=True)), Prepared)


# --- variables --------------------------------------------------------------------------------------------------------


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"a": "x" * 90}, None, id="a text"),
        pytest.param({"a": "x" * 100}, "TOO_LARGE", id="a long text"),
        pytest.param({"a": "é" * 50}, "TOO_LARGE", id="bytes, not characters"),
        pytest.param({"a": "\ud800" * 50}, "TOO_LARGE", id="lone surrogates"),
        pytest.param({"x" * 100: 1}, "TOO_LARGE", id="a long name"),
        pytest.param({"a": {"b": [{"x" * 100: None}]}}, "TOO_LARGE", id="a long name far down"),
        pytest.param({"a": 10**1_000}, "TOO_LARGE", id="many digits"),
        pytest.param({"a": list(range(18))}, None, id="20 values"),
        pytest.param({"a": list(range(19))}, "TOO_MANY_VALUES", id="21 values"),
        pytest.param({"a": nested(100_000)}, "TOO_MANY_VALUES", id="a deep list"),
    ],
)
def test_variables_are_measured_before_they_are_looked_at(variables: dict[str, Any], code: str | None) -> None:
    fault = oversized(variables, replace(Limits(), max_variables_bytes=100, max_values=20))

    assert code == (fault and fault.extensions and fault.extensions["code"])


# --- aside ------------------------------------------------------------------------------------------------------------

LONG = "{ me { id } }" + " " * SHORT


async def test_a_long_document_is_prepared_in_a_thread_and_then_known() -> None:
    documents = Documents(schema)

    unknown = documents.at_once(LONG)
    first, second = await asyncio.gather(documents.aside(LONG), documents.aside(LONG))

    assert unknown is None
    assert isinstance(first, Prepared)
    assert isinstance(second, Prepared)
    assert documents.at_once(LONG) in (first, second)


async def test_the_loop_goes_on_while_a_document_is_prepared() -> None:
    documents = Documents(schema)
    query, _ = REFUSED["1,900 unknown fields"]
    preparing = asyncio.ensure_future(documents.aside(query))
    turns = 0

    while not preparing.done():
        await asyncio.sleep(0)
        turns += 1

    assert all(isinstance(error, GraphQLError) for error in preparing.result())  # type: ignore[union-attr]
    assert turns > 3


async def test_a_document_that_waits_for_too_long_behind_others_is_not_looked_at() -> None:
    documents = Documents(schema, Limits(max_seconds=0))
    query, _ = REFUSED["1,900 unknown fields"]

    answers = await asyncio.gather(*(documents.aside(f"{query} # {number}") for number in range(3)))

    for errors in answers:
        assert isinstance(errors, list)
        assert [error["extensions"]["code"] for error in formatted(errors)] == ["TIMED_OUT"]
