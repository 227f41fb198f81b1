import pytest

from tasks.api.transport.http.negotiation import EVENTS, GRAPHQL_RESPONSE, HTML, JSON, content_fault, media_type

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", JSON, id="no header"),
        pytest.param("*/*", JSON, id="anything"),
        pytest.param("application/*", JSON, id="any application type"),
        pytest.param("application/json", JSON, id="json"),
        pytest.param("application/graphql-response+json", GRAPHQL_RESPONSE, id="the GraphQL type"),
        pytest.param("application/graphql-response+json; charset=utf-8", GRAPHQL_RESPONSE, id="with a charset"),
        pytest.param("application/graphql-response+json, application/json;q=0.9", GRAPHQL_RESPONSE, id="Apollo"),
        pytest.param(
            "application/graphql-response+json, application/graphql+json, application/json, text/event-stream",
            GRAPHQL_RESPONSE,
            id="urql",
        ),
        pytest.param("application/json, multipart/mixed", JSON, id="GraphiQL"),
        pytest.param("application/json;q=0.1, application/graphql-response+json;q=0.2", GRAPHQL_RESPONSE, id="weights"),
        pytest.param("application/graphql-response+json;q=0, */*", JSON, id="refused by weight"),
        pytest.param("APPLICATION/JSON", JSON, id="upper case"),
        pytest.param("text/event-stream", EVENTS, id="events"),
        pytest.param("text/event-stream, application/json;q=0.1", JSON, id="JSON before events"),
        pytest.param("text/event-stream" + ";" * 1_000, JSON, id="too long to be read"),
        pytest.param("image/png", None, id="an image"),
        pytest.param("garbage", None, id="garbage"),
        pytest.param(",,;q=1", None, id="rubbish"),
    ],
)
def test_media_type_is_the_one_the_client_prefers(accept: str, expected: str | None) -> None:
    assert media_type(accept, html=False) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param(BROWSER, HTML, id="browser"),
        pytest.param("*/*", JSON, id="curl"),
        pytest.param("application/json, text/html;q=0.5", JSON, id="json first"),
    ],
)
def test_page_is_for_those_who_ask_for_html_first(accept: str, expected: str) -> None:
    assert media_type(accept, html=True) == expected


@pytest.mark.parametrize(
    ("content_type", "encoding", "status"),
    [
        pytest.param("application/json", "", None, id="json"),
        pytest.param("application/json; charset=utf-8", "", None, id="utf-8"),
        pytest.param('application/json; charset="UTF-8"', "identity", None, id="quoted"),
        pytest.param("Application/JSON", "", None, id="capitals"),
        pytest.param("", "", 415, id="missing"),
        pytest.param("text/plain", "", 415, id="text, which a form can send"),
        pytest.param("application/x-www-form-urlencoded", "", 415, id="form"),
        pytest.param("multipart/form-data; boundary=x", "", 415, id="upload"),
        pytest.param("application/graphql", "", 415, id="bare document"),
        pytest.param("application/json; charset=utf-16", "", 415, id="other charset"),
        pytest.param("application/json" + ";" * 1_000, "", 415, id="too long to be read"),
        pytest.param("application/json", "gzip", 400, id="gzip"),
    ],
)
def test_body_is_json_in_utf8_as_it_is(content_type: str, encoding: str, status: int | None) -> None:
    fault = content_fault(content_type, encoding)

    assert (fault[0] if fault else None) == status
