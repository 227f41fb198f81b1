"""What `make codegen` writes: that it is up to date, and that a new handler becomes a typed client by it alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e import node

ROOT = Path(__file__).parents[3]
CLIENT = ROOT / "client-examples" / "typescript"

HANDLER = '''
from dataclasses import dataclass
from enum import Enum

from tasks.registry import task_type


class Colour(Enum):
    """Of the ink."""

    BLACK = "BLACK"
    BLUE = "BLUE"


@dataclass(frozen=True)
class Page:
    characters: int


@dataclass(frozen=True)
class Letter:
    pages: list[Page]


@task_type
def write_letter(name: str, lines: int = 3, ink: Colour = Colour.BLUE) -> Letter:
    """Write a letter."""
    return Letter([Page(len(name) * lines)])
'''
SETTINGS = """
from project.settings import *
from project.settings import INSTALLED_APPS as PROJECT_APPS

INSTALLED_APPS = [*PROJECT_APPS, "letters"]
"""
USE = """
import type { Connection } from '../src/connection.js'
import { runTask, submitTask, watchTask } from '../src/tasks.js'

export async function characters(connection: Connection): Promise<number> {
  const input = { writeLetter: { name: 'Ada', ink: 'BLACK' } } as const
  const { task, errors } = await submitTask(connection, input, { priority: 'HIGH' })
  if (!task) throw new Error(errors.map(({ message }) => message).join())
  let found = 0
  for await (const { task: letter } of watchTask<'writeLetter'>(connection, task.id, { type: 'writeLetter' })) {
    for (const page of letter.result?.pages ?? []) found += page.characters
  }
  for await (const update of runTask(connection, { writeLetter: { name: 'Ada' } })) {
    if (update.kind === 'EVENT') found += update.event.version + (update.task.result?.pages.length ?? 0)
  }
  return found
}
"""
MISUSES = {
    "an_argument_of_the_wrong_type": (
        "runTask(connection, { writeLetter: { name: 'Ada', lines: 'three' } })",
        "Type 'string' is not assignable to type 'number'",
    ),
    "an_argument_that_is_missing": ("runTask(connection, { writeLetter: { lines: 3 } })", "Property 'name' is missing"),
    "an_argument_that_there_is_not": (
        "runTask(connection, { writeLetter: { name: 'Ada', colour: 'BLUE' } })",
        "'colour' does not exist in type",
    ),
    "an_enum_member_that_there_is_not": (
        "runTask(connection, { writeLetter: { name: 'Ada', ink: 'RED' } })",
        """Type '"RED"' is not assignable to type""",
    ),
    "two_task_types_at_once": (
        "runTask(connection, { writeLetter: { name: 'Ada' }, wait: { seconds: 1 } })",
        "Type '{ seconds: number; }' is not assignable to type 'never'",
    ),
    "no_task_type": ("runTask(connection, {})", "is not assignable to parameter of type 'InputOf<"),
    "a_task_type_that_there_is_not": (
        "watchTask(connection, id, { type: 'writeLetters' })",
        """Type '"writeLetters"' is not assignable to type""",
    ),
    "a_result_of_another_type": (
        "for await (const { task } of watchTask(connection, id, { type: 'writeLetter' })) void task.result?.text",
        "Property 'text' does not exist on type",
    ),
    "an_event_without_looking_whether_there_is_one": (
        "for await (const update of runTask(connection, { writeLetter: { name: 'Ada' } })) void update.event.version",
        "'update.event' is possibly 'null'",
    ),
    "a_cursor_for_an_id": (
        "for await (const { cursor } of watchTask(connection, id)) void watchTask(connection, cursor)",
        "Argument of type 'EventCursor' is not assignable to parameter of type",
    ),
}


@pytest.fixture(scope="module")
def client(typescript: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the client, to be changed."""
    return node.copied(typescript, tmp_path_factory.mktemp("codegen") / "typescript")


def test_the_generated_typescript_is_that_of_the_schema(client: Path, tmp_path: Path) -> None:
    generate(client, ROOT / "schema.graphql", tmp_path)

    committed = {path.name: path.read_text() for path in (CLIENT / "src" / "generated").iterdir()}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == committed, "run `make codegen`"


@pytest.fixture(scope="module")
def complaints(client: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the compiler says about each file, once a handler was added and the code generated anew."""
    app = tmp_path_factory.mktemp("apps")
    (app / "letters").mkdir()
    (app / "letters" / "__init__.py").touch()
    (app / "letters" / "task_types.py").write_text(HANDLER)
    (app / "letters_settings.py").write_text(SETTINGS)
    generate(client, export_schema(app, app / "schema.graphql"), client / "src" / "generated")
    uses = client / "uses"
    uses.mkdir()
    (uses / "tsconfig.json").write_text('{ "extends": "../tsconfig.json", "include": ["."] }')
    (uses / "use.ts").write_text(USE)
    for name, (statement, _) in MISUSES.items():
        (uses / f"{name}.ts").write_text(misuse(statement))
    ended = subprocess.run(
        [node.program("node"), "node_modules/typescript/bin/tsc", "-p", "uses", "--noEmit", "--pretty", "false"],
        cwd=client,
        capture_output=True,
        text=True,
        timeout=node.SECONDS,
        check=False,
    )
    found: dict[str, str] = {}
    name = ""
    for line in ended.stdout.splitlines():
        # What belongs to the same complaint is indented.
        name = name if line.startswith(" ") else Path(line.partition("(")[0]).stem
        found[name] = f"{found.get(name, '')}{line}\n"
    return found


def test_a_use_of_a_new_handler_compiles_and_nothing_else_is_touched(complaints: dict[str, str]) -> None:
    assert set(complaints) == set(MISUSES)


@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_does_not_compile(complaints: dict[str, str], name: str) -> None:
    assert MISUSES[name][1] in complaints[name]


def generate(client: Path, schema: Path, folder: Path) -> None:
    node.run(node.program("node"), "codegen/generate.mjs", str(schema), str(folder), folder=client)


def export_schema(app: Path, path: Path) -> Path:
    """Write the schema that the project has with this app."""
    command = [sys.executable, "manage.py", "export_schema", "tasks.api.schema:schema", "--path", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(app), "DJANGO_SETTINGS_MODULE": "letters_settings"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)
    return path


def misuse(statement: str) -> str:
    return f"""
import type {{ Connection }} from '../src/connection.js'
import type {{ Uuid }} from '../src/scalars.js'
import {{ runTask, watchTask }} from '../src/tasks.js'

export async function misused(connection: Connection, id: Uuid) {{
  void [connection, id, runTask, watchTask]
  {statement}
}}
"""
