import time

import pytest
from graphql import GraphQLError, get_introspection_query

from tasks.api.execution import Documents, Limits, Prepared
from tests.unit.api.http import sample

EXPLODING = "query { ...F0 } " + " ".join(
    f"fragment F{i} on Query {{ a{i}: hello ...F{i + 1} node {{ child {{ name }} }} ...F{i + 1} }}" for i in range(40)
)
NESTED_EXPLOSION = "query { node { ...F0 } } " + " ".join(
    f"fragment F{i} on Node {{ a: child {{ ...F{i + 1} }} b: child {{ ...F{i + 1} }} }}" for i in range(12)
)
HOSTILE = {
    "200,000 tokens": "{ " + "hello " * 200_000 + "}",
    "200,000 comments": "#\n" * 200_000 + "{ hello }",
    "1,300 aliases": "{ " + " ".join(f"a{i}: hello" for i in range(1_300)) + " }",
    "16 deep": "{ node { " + "child { " * 15 + "name" + " }" * 17,
    "the same field 3,000 times": "{ " + "hello " * 3_000 + "}",
    "the same node 400 times": "{ " + "node { name } " * 400 + "}",
    "the same child at every depth": "{ " + ("node { " + "child { name } " * 19 + "} ") * 20 + "}",
    "arguments that differ": "{ " + " ".join(f'hello(name: "{i}")' for i in range(400)) + " }",
    "fragments that overlap": "{ "
    + " ".join(f"...F{i}" for i in range(40))
    + " } "
    + " ".join(f"fragment F{i} on Query {{ {'hello ' * 20} }}" for i in range(40)),
    "fragments that double": EXPLODING + " fragment F40 on Query { hello }",
    "fragments that double in depth": NESTED_EXPLOSION + " fragment F12 on Node { name }",
    "fragments that spread each other": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "100,000 braces": "{ " + "node { " * 100_000,
    "1,500 faults": "{ " + " ".join(f"nope{i}" for i in range(1_500)) + " }",
}


def prepared(documents: Documents, query: str) -> Prepared:
    document = documents.prepare(query)
    assert isinstance(document, Prepared), document
    return document


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_document_is_refused_before_it_costs(documents: Documents, name: str) -> None:
    documents.prepare("{ hello }")
    began = time.process_time()

    errors = documents.prepare(HOSTILE[name])

    assert isinstance(errors, list)
    assert all(error.extensions and error.extensions["code"] for error in errors)
    assert len(errors) <= documents.limits.max_errors + 1
    assert time.process_time() - began < 1


def test_document_is_prepared_once(documents: Documents) -> None:
    assert prepared(documents, "{ hello }") is prepared(documents, "{ hello }")
    assert prepared(documents, "{ hello }") is not prepared(documents, "{ hello  }")


def test_least_recently_used_document_leaves_first() -> None:
    documents = Documents(sample.schema, Limits(cached_documents=2))
    first, second = prepared(documents, "{ a: hello }"), prepared(documents, "{ b: hello }")

    prepared(documents, "{ a: hello }")
    prepared(documents, "{ c: hello }")

    assert prepared(documents, "{ a: hello }") is first
    assert prepared(documents, "{ b: hello }") is not second


def test_cache_is_bounded_by_the_length_of_its_documents() -> None:
    documents = Documents(sample.schema, Limits(cached_characters=30))
    first = prepared(documents, "{ a: hello }")

    prepared(documents, "{ b: hello, node { name } }")

    assert prepared(documents, "{ a: hello }") is not first


@pytest.mark.parametrize(
    ("query", "name", "found"),
    [
        pytest.param("{ hello }", None, True, id="the only one"),
        pytest.param("query A { hello }", None, True, id="the only one has a name"),
        pytest.param("query A { hello }", "A", True, id="by name"),
        pytest.param("query A { hello }", "B", False, id="unknown name"),
        pytest.param("query A { hello }", "", False, id="empty name"),
        pytest.param("query A { hello } query B { hello }", "B", True, id="one of two"),
        pytest.param("query A { hello } query B { hello }", None, False, id="two and no name"),
    ],
)
def test_operation_is_the_one_the_client_means(documents: Documents, query: str, name: str | None, found: bool) -> None:
    operation = prepared(documents, query).operation(name)

    assert isinstance(operation, GraphQLError) is not found


def test_introspection_is_allowed_and_not_too_deep(documents: Documents) -> None:
    assert prepared(documents, get_introspection_query(input_value_deprecation=True))


def test_limits_let_an_ordinary_document_pass(documents: Documents) -> None:
    fragment = "fragment N on Node { name child { name child { name } } }"

    assert prepared(documents, "{ " + " ".join(f"n{i}: node {{ ...N }}" for i in range(50)) + " } " + fragment)
