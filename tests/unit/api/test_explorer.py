"""The page at /graphql: which one is given, that ours needs nobody else, and that its examples are valid."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate
from pytest_django import Settings

from tasks.api import explorer

ROOT = Path(__file__).parents[3]
FRONTEND = ROOT / "project" / "frontend"
EXAMPLES = dict(
    re.findall(r"^const (\w+) = `([^`]*)`;$", (FRONTEND / "src" / "examples.ts").read_text(), flags=re.MULTILINE)
)
OPERATIONS_OF_THE_PAGE = [
    text
    for text in re.findall(r'["`]((?:mutation|\{ me)[^"`]*)["`]', (FRONTEND / "src" / "session.ts").read_text())
    if "{" in text
]


@pytest.fixture
def nothing_built(settings: Settings, tmp_path: Path) -> Path:
    """Give a project where the build has not run; the folder that it writes to."""
    settings.STATICFILES_DIRS = [tmp_path]
    (tmp_path / "graphiql").mkdir()
    return tmp_path


def test_the_built_page_is_given_where_there_is_one(nothing_built: Path) -> None:
    (nothing_built / "graphiql" / "index.html").write_text("<!doctype html>ours")

    assert explorer.page() == b"<!doctype html>ours"


@pytest.mark.usefixtures("nothing_built")
def test_without_a_build_the_page_says_that_it_needs_the_internet_and_what_to_run() -> None:
    page = explorer.page().decode()

    assert "GraphiQL.createFetcher" in page
    assert "from the internet" in page
    assert "python project/frontend/build.py" in page


def test_our_page_names_no_other_host() -> None:
    page = (FRONTEND / "index.html").read_text()

    # The favicon's namespace is a name, not an address.
    assert re.findall(r"(?:https?:)?//[^'\" ]+", page.replace("http://www.w3.org/2000/svg", "")) == []


def test_our_page_lets_the_browser_load_and_ask_this_server_alone() -> None:
    page = (FRONTEND / "index.html").read_text()
    policy = re.search(r'content="(default-src[^"]*)"', page)

    assert policy
    sources = {source for rule in policy[1].split(";") for source in rule.split()[1:]}
    assert sources == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert "script-src 'self';" in policy[1]


def test_no_page_around_ours_can_frame_it() -> None:
    assert dict(explorer.HEADERS)[b"content-security-policy"] == b"frame-ancestors 'none'"


def test_a_newcomer_finds_submit_watch_run_and_list() -> None:
    assert list(EXAMPLES) == ["submit", "watch", "run", "list"]


@pytest.mark.parametrize("text", [*EXAMPLES.values(), *OPERATIONS_OF_THE_PAGE])
def test_what_the_page_sends_fits_the_schema(text: str) -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())

    assert validate(schema, parse(text)) == []


def test_the_examples_show_all_of_a_result() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    fields = schema.type_map["CountPrimesResult"].fields  # type: ignore[attr-defined]

    for name in ("watch", "run"):
        shown = re.search(r"\bresult \{([^}]*)\}", EXAMPLES[name])
        assert shown
        assert shown[1].split() == list(fields)


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((FRONTEND / "package-lock.json").read_text())

    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


# --- project/frontend/build.py ------------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Copy the sources of the page, with nothing installed or built, beside a `bin` that is all of PATH."""
    shutil.copytree(FRONTEND, tmp_path / "project" / "frontend", ignore=shutil.ignore_patterns("node_modules", "dist"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def put_on_path(root: Path, program: str, script: str) -> None:
    """Make a program that is a shell script of these lines."""
    path = root / "bin" / program
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def build(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the copied build.py as a user would, with nothing on PATH but what the test has put there."""
    return subprocess.run(
        [sys.executable, str(root / "project" / "frontend" / "build.py")],
        env={"PATH": str(root / "bin"), "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


BUILDS = 'mkdir -p dist/graphiql && echo built >> dist/graphiql/index.html && echo "$@" >> ran'
"""A stand-in for Node.js 22 that bundles by writing one line to the page."""


def test_a_second_build_of_the_same_sources_does_nothing(copied: Path) -> None:
    put_on_path(copied, "node", f'PATH=/usr/bin:/bin; [ "$1" = --version ] && echo v22.12.0 && exit; {BUILDS}')
    put_on_path(copied, "npm", 'echo "npm $@" >> ran')

    first, second = build(copied), build(copied)

    assert (first.returncode, first.stdout) == (0, "GraphiQL is built.\n")
    assert (second.returncode, second.stdout) == (0, "GraphiQL is up to date.\n")
    ran = (copied / "project" / "frontend" / "ran").read_text().splitlines()
    assert ran == ["npm ci --omit=dev", f"{copied}/project/frontend/node_modules/vite/bin/vite.js build"]


def test_changed_sources_are_built_again(copied: Path) -> None:
    put_on_path(copied, "node", f'PATH=/usr/bin:/bin; [ "$1" = --version ] && echo v22.12.0 && exit; {BUILDS}')
    put_on_path(copied, "npm", "")
    build(copied)
    (copied / "project" / "frontend" / "src" / "style.css").write_text("body { margin: 1px }")

    assert build(copied).stdout == "GraphiQL is built.\n"


def test_a_failed_installation_is_told_in_one_line(copied: Path) -> None:
    put_on_path(copied, "node", "echo v24.0.0")
    put_on_path(copied, "npm", "echo npm error code ENOTFOUND; echo npm error network no way out >&2; exit 1")

    answer = build(copied)

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == (
        "GraphiQL was not built: npm ci failed: npm error network no way out"
        " (all of it is in project/frontend/node_modules/.build.log)\n"
    )


def test_a_failed_bundling_is_done_again_the_next_time(copied: Path) -> None:
    put_on_path(copied, "node", 'if [ "$1" = --version ]; then echo v22.12.0; else echo error during build; exit 1; fi')
    put_on_path(copied, "npm", "")

    first = build(copied)
    put_on_path(copied, "node", f'PATH=/usr/bin:/bin; [ "$1" = --version ] && echo v22.12.0 && exit; {BUILDS}')
    second = build(copied)

    assert (first.returncode, second.returncode) == (1, 0)


@pytest.mark.parametrize("version", ["v18.20.0", "v20.18.9", "v21.7.0", "v22.11.0", "garbage"])
def test_an_old_nodejs_on_path_is_passed_over_for_the_wheel(copied: Path, version: str) -> None:
    """Told from its npm: the wheel's npm does not run the one on PATH."""
    put_on_path(copied, "node", f"echo {version}")
    put_on_path(copied, "npm", "echo taken > taken")
    npm_settings = f"offline=true\nfetch-retries=0\ncache={copied / 'empty'}"
    (copied / "project" / "frontend" / ".npmrc").write_text(npm_settings)

    build(copied)

    assert not (copied / "project" / "frontend" / "taken").exists()
