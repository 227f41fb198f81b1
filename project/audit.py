"""`python project/audit.py`: whether a package that production is pinned to has a known vulnerability.

Fails for a known vulnerability. What can't be found out, as on a machine that can't reach the advisories, is said aloud
and fails nothing: a build must not depend on somebody else's server. Takes two minutes at the most.
"""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TOOL = "pip-audit==2.10.1"
ADVISORIES = ("api.osv.dev", 443)
REACH_SECONDS = 5.0
SECONDS = 120.0
COMMAND = (
    *("tool", "run", "--from", TOOL, "pip-audit", "--vulnerability-service", "osv"),
    *("--requirement", "requirements.txt", "--disable-pip", "--require-hashes", "--format", "json"),
    *("--progress-spinner", "off"),
)


class Verdict(NamedTuple):
    """What is known of the packages."""

    vulnerable: list[str]
    """One line each: the package, its version, the advisory, and what mends it."""
    unknown: list[str]
    """Names of packages that could not be looked up."""
    known: int


def verdict_of(report: dict[str, Any]) -> Verdict:
    """Read pip-audit's JSON. A package it skipped is no good news."""
    vulnerable, unknown, known = [], [], 0
    for package in report["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
            continue
        known += 1
        for found in package["vulns"]:
            fixed = ", ".join(found.get("fix_versions") or ()) or "no version yet"
            vulnerable.append(f"{package['name']} {package['version']}: {found['id']}, mended in {fixed}")
    return Verdict(vulnerable, unknown, known)


def main() -> int:
    """Audit, and say what came of it."""
    try:
        socket.create_connection(ADVISORIES, REACH_SECONDS).close()
    except OSError as error:
        return _skipped(f"{ADVISORIES[0]} can't be reached: {error}")
    uv = str(Path(sys.executable).with_name("uv"))
    try:
        ran = subprocess.run(  # noqa: S603 - our own command
            [uv, *COMMAND], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        verdict = verdict_of(json.loads(ran.stdout))
    except (OSError, subprocess.TimeoutExpired) as error:
        return _skipped(str(error))
    except ValueError:
        return _skipped(f"pip-audit gave no report: {ran.stderr.strip()[-300:]}")
    if not verdict.known:
        return _skipped("no package could be looked up")
    _say(f"audit: {verdict.known} packages looked up, {len(verdict.vulnerable)} known vulnerabilities")
    if verdict.unknown:
        _say(f"audit: NOT looked up: {', '.join(verdict.unknown)}")
    for line in verdict.vulnerable:
        _say(f"audit: {line}")
    return 1 if verdict.vulnerable else 0


def _skipped(reason: str) -> int:
    _say(f"audit: SKIPPED, nothing is known about vulnerabilities: {reason}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
