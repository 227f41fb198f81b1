"""How task types are found, and how their names keep apart."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from django.apps import apps
from django.test import override_settings
from graphql import parse
from graphql.language import TypeDefinitionNode

from tasks.errors import Misconfigured
from tasks.registry import TaskTypes, autodiscover, build_task_type, registry, task_type
from tasks.registry.names import RESERVED_NAMES, camel_case, pascal_case
from tasks.registry.options import Options

SAMPLES = [
    "add_numbers",
    "count_primes",
    "count_words",
    "fail_sometimes",
    "generate_random_number",
    "reverse_string",
    "save_todo",
    "send_message",
    "tell_story",
    "wait",
]


@dataclass(frozen=True)
class Row:
    """A nested class."""

    kind: Literal["a"]


@dataclass(frozen=True)
class UsersRow:
    """Another one."""

    a: int


def export(row: UsersRow) -> None:
    """Export."""
    raise NotImplementedError


def export_users(row: Row) -> None:
    """Export users."""
    raise NotImplementedError


def test_samples_are_found_at_start() -> None:
    names = [task_type.name for task_type in registry.all()]

    assert [name for name in names if name in SAMPLES] == SAMPLES


def test_discovery_may_be_repeated() -> None:
    before = registry.all()

    autodiscover()

    assert registry.all() == before


def test_task_types_module_of_an_installed_app_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "task_types.py").write_text(
        "from tasks.registry import task_type\n@task_type\ndef ship(order: int) -> bool: return True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("tasks.registry.declaration.registry", types := TaskTypes())

    with override_settings(INSTALLED_APPS=["shop"]):
        autodiscover()

    assert [found.name for found in types.all()] == ["ship"]


def test_task_type_is_found_by_name_and_by_field() -> None:
    found = registry.find("reverse_string")

    assert found is not None
    assert registry.by_input_field("reverseString") is found
    assert (found.type_prefix, found.object_type) == ("ReverseString", "ReverseStringTask")


def test_unknown_name_is_none_and_unknown_field_names_the_nearest() -> None:
    assert registry.find("reverse") is None
    with pytest.raises(KeyError, match="did you mean 'reverseString'"):
        registry.by_input_field("reverseStrin")


def test_decorator_leaves_the_function_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.registry.declaration.registry", types := TaskTypes())

    bare = task_type(export)
    called = task_type(name="other", max_attempts=1)(export_users)

    assert (bare, called) == (export, export_users)
    assert [(found.name, found.max_attempts) for found in types.all()] == [("export", 3), ("other", 1)]


CLASHES: dict[str, tuple[Callable[..., Any], str, Callable[..., Any], str, str]] = {
    "one name twice": (export, "export", export_users, "export", "two functions are the task type 'export'"),
    "names that differ by an underscore": (export, "page_1", export_users, "page1", "both 'page1' in TaskInput"),
    "a nested class of another": (export, "export", export_users, "export_users", "'ExportUsersRow' in the schema"),
}


@pytest.mark.parametrize(("one", "name", "other", "other_name", "message"), CLASHES.values(), ids=CLASHES)
def test_second_task_type_with_a_name_of_the_first_is_refused(
    one: Callable[..., Any], name: str, other: Callable[..., Any], other_name: str, message: str
) -> None:
    types = TaskTypes()
    types.add(build_task_type(one, Options(name=name)))

    with pytest.raises(Misconfigured) as raised:
        types.add(build_task_type(other, Options(name=other_name)))

    assert message in str(raised.value)
    assert "test_discovery.export_users" in str(raised.value)
    assert "ename" in str(raised.value)


@pytest.mark.parametrize("name", ["login", "submit_task", "cancel_task", "task", "unknown", "register", "run_task"])
def test_name_that_the_contract_has_already_is_refused(name: str) -> None:
    def do_it() -> None:
        raise NotImplementedError

    with pytest.raises(Misconfigured, match=r"which the schema has already.*@task_type\(name"):
        TaskTypes().add(build_task_type(do_it, Options(name=name)))


def test_names_added_at_start_are_checked_against_what_is_registered() -> None:
    types = TaskTypes()
    types.add(build_task_type(export_users))
    types.check_names()

    types.reserved_names.add("ExportUsersRowKind")

    with pytest.raises(Misconfigured, match=r"Literal\['a'\].*ExportUsersRowKind"):
        types.check_names()


def test_every_static_name_of_the_contract_is_reserved(pytestconfig: pytest.Config) -> None:
    contract = parse((pytestconfig.rootpath / "tests" / "contract.graphql").read_text())

    static = {node.name.value for node in contract.definitions if isinstance(node, TypeDefinitionNode)}

    assert (
        static - RESERVED_NAMES == {name for task_type in registry.all() for name in task_type.graphql_names} & static
    )


NAMES = {
    "export_users": ("exportUsers", "ExportUsers"),
    "x": ("x", "X"),
    "page_2": ("page2", "Page2"),
    "from_": ("from", "From"),
    "aB_c": ("aBC", "ABC"),
}


@pytest.mark.parametrize(("python_name", "graphql_names"), NAMES.items(), ids=NAMES)
def test_graphql_names_follow_from_python_names(python_name: str, graphql_names: tuple[str, str]) -> None:
    assert (camel_case(python_name), pascal_case(python_name)) == graphql_names


@override_settings(QUEUES=("narrow", "wide"))
def test_a_task_type_of_a_queue_that_no_worker_takes_from_stops_the_start() -> None:
    with pytest.raises(Misconfigured, match=r"'add_numbers' has the queue 'default'.* one of QUEUES, narrow, wide"):
        apps.get_app_config("tasks").ready()
