from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.api.cursors import (
    Place,
    parse_event_cursor,
    parse_list_cursor,
    write_event_cursor,
    write_list_cursor,
)
from tasks.api.types.enums import TaskOrder
from tasks.errors import InvalidCursor

EPOCH = UUID("6f1c9d1e-0000-4000-8000-123456789abc")
TASK = UUID("01890c5e-6a1b-7c3d-8e4f-a0b1c2d3e4f5")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@given(st.uuids(), st.integers(0, 2**63 - 1))
def test_an_event_cursor_comes_back_as_it_was(epoch: UUID, event_id: int) -> None:
    assert parse_event_cursor(write_event_cursor(epoch, event_id)) == (epoch, event_id)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("17", id="a bare number"),
        pytest.param(f"{EPOCH}:17", id="readable"),
        pytest.param(write_event_cursor(EPOCH, 17) + " ", id="a space behind"),
        pytest.param(write_event_cursor(EPOCH, 17).replace(".", ".0"), id="a leading zero"),
        pytest.param(write_event_cursor(EPOCH, 0xABC).replace("abc", "ABC"), id="another case"),
        pytest.param(write_event_cursor(EPOCH, 2**63), id="an id that no row can have"),
        pytest.param(write_event_cursor(EPOCH, 0).replace(".0", ".-1"), id="a negative id"),
        pytest.param("\0" * 30, id="NUL bytes"),
        pytest.param("ä" * 22 + ".1", id="not ASCII"),
        pytest.param(write_list_cursor(TaskOrder.NEWEST_FIRST, Place(TASK)), id="a list's cursor"),
    ],
)
def test_a_foreign_event_cursor_is_invalid(text: str) -> None:
    with pytest.raises(InvalidCursor):
        parse_event_cursor(text)


@given(st.uuids(), st.datetimes(timezones=st.just(UTC)), st.sampled_from(TaskOrder))
def test_a_list_cursor_comes_back_as_it_was(task_id: UUID, moment: datetime, order: TaskOrder) -> None:
    place = Place(task_id, moment if order is TaskOrder.RECENTLY_UPDATED else None)

    assert parse_list_cursor(order, write_list_cursor(order, place)) == place


@pytest.mark.parametrize("order", TaskOrder)
@pytest.mark.parametrize("other", TaskOrder)
def test_a_list_cursor_is_good_for_its_own_order_alone(order: TaskOrder, other: TaskOrder) -> None:
    place = Place(TASK, MOMENT if order is TaskOrder.RECENTLY_UPDATED else None)
    text = write_list_cursor(order, place)

    if order is other:
        assert parse_list_cursor(other, text) == place
    else:
        with pytest.raises(InvalidCursor):
            parse_list_cursor(other, text)


@given(st.text(max_size=60), st.sampled_from(TaskOrder))
def test_any_other_text_is_an_invalid_list_cursor(text: str, order: TaskOrder) -> None:
    try:
        place = parse_list_cursor(order, text)
    except InvalidCursor:
        return

    assert write_list_cursor(order, place) == text
