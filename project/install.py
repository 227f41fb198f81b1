#!/usr/bin/env python3
"""Make .venv and install the pinned packages into it; then bundle the GraphiQL page. The standard library alone.

    python3 project/install.py          what `make run` needs
    python3 project/install.py --dev    what `make test` and `make check` need as well

Does nothing the second time: a stamp in .venv holds the digest of what was installed. uv installs: the one on PATH,
else the one that requirements-dev.txt pins, which pip puts into .venv. Where neither works, pip does it all, and takes
several times as long.
Any Python from 3.7 on must be able to read this file, or it could not say that it is too old.
"""

# ruff: noqa: S603, T201 - it is a program that runs programs and says what it does
from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
IS_NEW_ENOUGH = f"import sys; sys.exit(sys.version_info < {OLDEST})"
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
UV_WORDS = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
LOCK = ROOT / "requirements.txt"
PAGE = ROOT / "project" / "frontend" / "build.py"
DEV_LOCK = ROOT / "requirements-dev.txt"


def main(arguments: list[str]) -> int:
    """Install what is due. Returns the exit code."""
    if sys.version_info < OLDEST:
        return with_another_python(arguments)
    # The second lock holds the first one's packages at the same versions.
    locks = [LOCK, DEV_LOCK] if "--dev" in arguments else [LOCK]
    page = None
    if not all(is_installed(lock) for lock in locks):
        # Beside the packages, where it needs none of them: half a minute less.
        page = subprocess.Popen([sys.executable, str(PAGE)]) if has_node() else None
        try:
            install(locks[-1])
        except subprocess.CalledProcessError as failure:
            if page:
                page.terminate()
                page.wait()
            return complain(f"installing failed, see above: {failure.cmd[0]} ended with {failure.returncode}")
        for lock in locks:
            stamp_of(lock).write_text(fingerprint(lock))
    if PAGE.exists() and (page.wait() if page else subprocess.call([str(PYTHON), str(PAGE)])):
        print("going on without it: /graphql falls back to a page that needs the internet", file=sys.stderr, flush=True)
    return 0


def with_another_python(arguments: list[str]) -> int:
    """Go on with a newer Python, if this machine has one."""
    for minor in range(OLDEST[1] + 4, OLDEST[1] - 1, -1):
        other = shutil.which(f"python3.{minor}")
        if other and succeeds(other, "-c", IS_NEW_ENOUGH):
            return subprocess.call([other, __file__, *arguments])
    found = ".".join(str(part) for part in sys.version_info[:2])
    return complain(f"Python 3.11 or later is needed, and {sys.executable} is {found}")


def install(lock: Path) -> None:
    """Bring .venv to what the lock says, making it if it does not work. Every file must have a hash of the lock."""
    print(f"installing {lock.name} into {VENV.name}", flush=True)
    if not with_uv(lock):
        print("uv could not, going on with pip, which takes longer", file=sys.stderr, flush=True)
        run(*make_venv_with_pip(), "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock)


def with_uv(lock: Path) -> bool:
    """Install what the lock says. False where there is no uv for this machine, or it failed and has said why."""
    uv, settings = shutil.which("uv"), {}
    if not uv or not succeeds(uv, "--version"):
        pip = make_venv_with_pip()
        if not (succeeds(UV, "--version") or fetch_uv(pip)):
            return False
        uv, settings = str(UV), settings_of(pip)
    make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)]
    if not succeeds(PYTHON, "-c", IS_NEW_ENOUGH) and not succeeds(*make, aloud=True):
        return False
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON)]
    pinned = ["--require-hashes", "-r", str(lock)]
    return not subprocess.call([*command, *pinned], stdin=subprocess.DEVNULL, env={**settings, **os.environ})


def make_venv_with_pip() -> list[str]:
    """Make .venv if it does not work. Returns the command of a pip that installs into it."""
    pip = [str(PYTHON), "-m", "pip"]
    if not (succeeds(PYTHON, "-c", IS_NEW_ENOUGH) and succeeds(*pip, "--version")):
        if importlib.util.find_spec("ensurepip"):
            run(sys.executable, "-m", "venv", "--clear", VENV)
        elif succeeds(sys.executable, "-m", "pip", "--python", sys.executable, "--version"):
            # Debian without python3-venv: no pip to put inside, but one outside that can install into it.
            if not succeeds(PYTHON, "-c", IS_NEW_ENOUGH):
                run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)
            pip = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
        else:
            sys.exit(complain(f"{sys.executable} has neither ensurepip nor pip; on Debian: apt install python3-venv"))
    return pip


def fetch_uv(pip: list[str]) -> bool:
    """Put the pinned uv into .venv. False where there is none for this machine."""
    wanted = VENV / "uv.txt"
    wanted.write_text(pin_of("uv", DEV_LOCK.read_text()))
    options = ["--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    return succeeds(*pip, "install", "--quiet", *options, "-r", str(wanted), aloud=True)


def pin_of(package: str, lock: str) -> str:
    """Return the lines of a lock that name a package and its hashes."""
    found = re.search(rf"^{package}==.*(?:\n +--hash.*)+", lock, re.MULTILINE)
    return found[0] if found else ""


def settings_of(pip: list[str]) -> dict[str, str]:
    """Return what this machine has told pip of its index, in uv's words: uv does not read pip's settings."""
    asked = [*pip, "config", "list", "--disable-pip-version-check"]
    told = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^(global|install|:env:)\.(index-url|cert)='(.*)'$", told, re.MULTILINE)
    # The environment comes before the settings of a command, and those before the rest.
    ranked = sorted(found, key=lambda setting: ("global", "install", ":env:").index(setting[0]))
    return {UV_WORDS[name]: value for _, name, value in ranked}


def has_node() -> bool:
    """Tell whether the page can be bundled with what is on PATH."""
    node = shutil.which("node")
    return bool(PAGE.exists() and node and shutil.which("npm") and runpy.run_path(str(PAGE))["is_new_enough"](node))


def is_installed(lock: Path) -> bool:
    """Tell whether .venv works and holds just what the lock says."""
    stamp = stamp_of(lock)
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == fingerprint(lock)


def stamp_of(lock: Path) -> Path:
    """Return where the digest of an installed lock is kept."""
    return VENV / f".installed-{lock.stem}"


def fingerprint(lock: Path) -> str:
    """Return a digest of the lock and of where it is installed: an environment that was moved does not work."""
    return hashlib.sha256(lock.read_bytes() + str(VENV).encode()).hexdigest()


def run(*command: str | Path) -> None:
    """Run a command to its end. Raises CalledProcessError if it fails."""
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL)


def succeeds(*command: str | Path, aloud: bool = False) -> bool:
    """Tell whether a command can be run and ends well; with `aloud` it may say why not."""
    try:
        return not subprocess.call(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if aloud else subprocess.DEVNULL,
        )
    except OSError:
        return False


def complain(line: str) -> int:
    """Say what is wrong. Returns the exit code for it."""
    print(f"project/install.py: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    os.chdir(str(ROOT))
    sys.exit(main(sys.argv[1:]))
