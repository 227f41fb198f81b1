"""The same cases as `tests/unit/api/test_filters.py`, asked of the database."""

import pytest

from tasks.api.filters import select
from tasks.api.viewer import Viewer
from tasks.models import Task, User
from tests.filter_cases import ANNA, BEN, CASES, IDS, Case, rows

STAFF = Viewer(ANNA, is_staff=True, token_id=None, expires_at=None)


@pytest.fixture
def stored(db: None) -> None:  # noqa: ARG001
    """Store the rows of the table."""
    User.objects.bulk_create([User(id=ANNA, username="anna"), User(id=BEN, username="ben")])
    Task.objects.bulk_create(rows().values())


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_condition_selects_what_the_table_says(case: Case) -> None:
    selection = select({"allOwners": True, **case.given}, STAFF)

    found = Task.objects.filter(selection.as_condition()).order_by("id").values_list("id", flat=True)

    assert list(found) == [IDS[name] for name in case.selects.split()]
