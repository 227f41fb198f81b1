"""What the README shows works as it stands there."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from graphql import parse, validate

from project import settings
from tasks.api.schema import schema
from tasks.registry import registry

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_each_variable_of_its_tables_is_a_setting():
    rows = re.findall(r"^\| (`[A-Z_, `]+`) \|", README, re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}

    assert {"MAX_TOKENS", "DATABASE_URL", "MAX_WAITING_PER_QUEUE"} <= names
    assert [name for name in sorted(names) if not hasattr(settings, name)] == []


@pytest.mark.parametrize(
    "document", [pytest.param(block, id=block.split("(")[0].split("{")[0]) for block in blocks("graphql")]
)
def test_each_operation_is_valid(document: str):
    assert validate(schema._schema, parse(document)) == []  # noqa: SLF001 - Strawberry has no public name for it


def test_the_task_type_can_be_written_as_shown(monkeypatch: pytest.MonkeyPatch):
    (source,) = blocks("python")
    module = ModuleType("readme_task_types")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    known = dict(registry._by_name)  # noqa: SLF001 - what the example adds is taken back
    try:
        exec(compile(source, "README.md", "exec"), module.__dict__)  # noqa: S102 - our own text

        task_type = registry.find("write_letter")
        assert task_type is not None
        assert (task_type.object_type, task_type.max_attempts) == ("WriteLetterTask", 5)
        assert task_type.arguments_schema["properties"]["lines"]["maximum"] == 100
    finally:
        registry._by_name = known  # noqa: SLF001


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_each_link_leads_somewhere(target: str):
    assert (ROOT / target).exists()


def promises() -> list[tuple[str, list[str]]]:
    """Return each promise with the files that keep it."""
    table = README.partition("\n## Promises\n")[2].partition("\nNot promised")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE)
    return [(promise, re.findall(r"\]\(([^)]+)\)", kept_by)) for promise, kept_by in rows if promise != "promise"]


@pytest.mark.parametrize(("promise", "files"), promises())
def test_each_promise_is_kept_by_tests(promise: str, files: list[str]):
    assert files, promise
    for file in files:
        assert re.match(r"tests/(\w+/)+test_\w+\.py$", file)
        assert re.search(r"^(async )?def test_", (ROOT / file).read_text(), re.MULTILINE)


def test_each_fault_is_behind_a_promise():
    linked = {ROOT / file for _, files in promises() for file in files}
    faults = set((ROOT / "tests" / "e2e" / "faults").rglob("test_*.py"))

    # That one plays no fault: it proves that the audit of the others sees one.
    assert {file.name for file in faults - linked} <= {"test_scene.py"}


def test_each_variable_of_the_table_is_read_by_the_settings():
    named = {
        name
        for row in re.findall(r"^\| (`[A-Z_`, ]+`) \|", README, re.MULTILINE)
        for name in re.findall(r"[A-Z_]+", row)
    }
    settings = (ROOT / "project" / "settings.py").read_text()

    assert len(named) > 10
    assert [name for name in named if f'"{name}"' not in settings] == []


def test_each_make_target_exists():
    makefile = (ROOT / "Makefile").read_text()

    assert [name for name in re.findall(r"make ([a-z]+)", README) if f"\n{name}:" not in makefile] == []
