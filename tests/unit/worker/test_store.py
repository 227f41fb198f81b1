import pytest
from django.db import DataError, InterfaceError, OperationalError

from tasks.worker.store import lasting


class Store:
    """Fails with these errors, one after the other, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        """Take the place of one transaction."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "stored"


def test_a_transaction_is_repeated_until_the_database_is_back():
    store = Store(OperationalError("gone"), InterfaceError("closed"))

    assert lasting(store) == "stored"
    assert store.calls == 3


def test_it_gives_up_after_its_time():
    store = Store(OperationalError("gone"))

    with pytest.raises(OperationalError):
        lasting(store, seconds=0)


def test_a_fault_of_the_statement_is_raised_at_once():
    store = Store(DataError("too long"))

    with pytest.raises(DataError):
        lasting(store)
    assert store.calls == 1
