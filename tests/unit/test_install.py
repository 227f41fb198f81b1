"""The parts of the installer that don't install."""

import runpy
import sys
from typing import Any

import pytest

from tests.e2e.support import ROOT

SAID_BY_PIP = """\
:env:.index-url='https://packages.example/simple'
download.index-url='https://third.example/simple'
global.index-url='https://other.example/simple'
global.extra-index-url='https://more.example/simple'
global.cert='/etc/ssl/ours.crt'
"""


@pytest.fixture(scope="module")
def installer() -> dict[str, Any]:
    """What the installer's file defines."""
    return runpy.run_path(str(ROOT / "project" / "install.py"))


def test_uv_is_pinned_with_its_hashes(installer: dict[str, Any]):
    first, *others = installer["pin_of"]("uv", installer["DEV_LOCK"].read_text()).splitlines()

    assert first.startswith("uv==")
    assert others
    assert all(line.strip().startswith("--hash=sha256:") for line in others)


def test_a_package_that_is_not_locked_has_no_pin(installer: dict[str, Any]):
    assert installer["pin_of"]("uv", "uvloop==1 \\\n    --hash=sha256:00\n") == ""


def test_what_pip_is_told_of_its_index_is_told_to_uv_the_environment_first(installer: dict[str, Any]):
    pip = [sys.executable, "-c", f"print({SAID_BY_PIP!r})"]

    assert installer["settings_of"](pip) == {
        "UV_DEFAULT_INDEX": "https://packages.example/simple",
        "SSL_CERT_FILE": "/etc/ssl/ours.crt",
    }
