"""The predicate of a filter. `tests/integration/test_filters.py` holds the same cases against the database."""

from uuid import UUID

import pytest

from tasks.api.filters import select
from tasks.api.viewer import ANONYMOUS, Viewer
from tasks.errors import BadUserInput, NotPermitted, Unauthenticated
from tasks.models.snapshots import TaskSnapshot
from tests.filter_cases import ANNA, BEN, CASES, Case, rows

STAFF = Viewer(ANNA, is_staff=True, token_id=None, expires_at=None)
USER = Viewer(ANNA, is_staff=False, token_id=None, expires_at=None)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_predicate_selects_what_the_table_says(case: Case) -> None:
    selection = select({"allOwners": True, **case.given}, STAFF)
    matches = selection.as_predicate()

    found = [name for name, row in rows().items() if matches(TaskSnapshot.of_row(row, 1))]

    assert found == case.selects.split()
    assert not (selection.is_empty and found)


@pytest.mark.parametrize("viewer", [STAFF, USER], ids=["staff", "user"])
def test_without_owners_it_is_ones_own_tasks(viewer: Viewer) -> None:
    assert select(None, viewer).owner_ids == frozenset({ANNA})
    assert select({"allOwners": False}, viewer).owner_ids == frozenset({ANNA})


def test_a_user_may_name_themself() -> None:
    assert select({"ownerIds": [str(ANNA)]}, USER).owner_ids == frozenset({ANNA})
    assert select({"ownerIds": []}, USER).owner_ids == frozenset()


@pytest.mark.parametrize(
    "given",
    [{"ownerIds": [str(BEN)]}, {"ownerIds": [str(ANNA), str(BEN)]}, {"allOwners": True}],
    ids=["another", "both", "all"],
)
def test_others_are_for_staff(given: dict[str, object]) -> None:
    with pytest.raises(NotPermitted):
        select(given, USER)


def test_nobody_sees_nothing() -> None:
    with pytest.raises(Unauthenticated):
        select(None, ANONYMOUS)


@pytest.mark.parametrize("name", ["ids", "ownerIds"])
@pytest.mark.parametrize("text", ["", "7", UUID(int=7).hex])
def test_an_id_that_is_no_uuid_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadUserInput):
        select({name: [text]}, STAFF)
