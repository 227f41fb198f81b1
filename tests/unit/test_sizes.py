"""The measure of a value, against JSON itself."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.registry.sizes import size_of

PLENTY = 10**9
JSON: "st.SearchStrategy[Any]" = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def number_of(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(number_of, inside))


@given(JSON)
def test_every_value_is_counted_and_no_byte_too_many(value: Any) -> None:
    size = size_of(value, PLENTY, PLENTY)

    assert size.values == number_of(value)
    assert size.bytes <= len(orjson.dumps(value)) + 1


@pytest.mark.parametrize(
    "value",
    [pytest.param(list(range(1_000)), id="a list"), pytest.param({str(i): i for i in range(1_000)}, id="a dict")],
)
def test_measuring_stops_at_a_bound(value: Any) -> None:
    assert size_of(value, 10, PLENTY).values > 10
    assert size_of(value, PLENTY, 10).bytes > 10
