import pytest
from graphql import GraphQLError, get_introspection_query

from tasks.api.execution import Documents, Limits, Prepared
from tests.unit.api.http import sample


def prepared(documents: Documents, query: str) -> Prepared:
    document = documents.prepare(query)
    assert isinstance(document, Prepared), document
    return document


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
