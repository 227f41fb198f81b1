"""The supervisor's life: check, start, announce, watch, stop."""

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ImproperlyConfigured

from project.servers import ServerFailed
from project.supervisor.announcement import announcement
from project.supervisor.environment import prepare
from project.supervisor.stopping import Signals, StopAsked
from tasks.errors import Misconfigured

if TYPE_CHECKING:
    from project.supervisor.installation import Installation

_LOOK_SECONDS: Final = 0.5
_MISCONFIGURED: Final = 2
_FAILED: Final = 1


def main() -> int:
    """Run until told to stop, and return the exit code. Whatever happens, no child outlives this function."""
    started_at = time.monotonic()
    with Signals() as signals, contextlib.ExitStack() as at_the_end:
        try:
            directory = prepare()
            installation = _installation_type()(directory, signals.pause, say)
            at_the_end.callback(installation.stop)
            link = installation.start()
            say(announcement(installation.base_url, link, time.monotonic() - started_at))
            while True:
                signals.pause(_LOOK_SECONDS)
                installation.look()
        except StopAsked:
            say("stopping")
            return 0
        except Misconfigured as error:
            return _complain(error, _MISCONFIGURED)
        except ServerFailed as error:
            return _complain(error, _FAILED)


def _installation_type() -> "type[Installation]":
    """Import what reads the settings, which refuse what is missing or can't be read. Raises `Misconfigured`."""
    try:
        from project.supervisor.installation import Installation  # noqa: PLC0415
    except (ImproperlyConfigured, ValueError) as error:
        raise Misconfigured(f"a setting in the environment can't be read: {error}") from error
    return Installation


def say(line: str) -> None:
    """Print at once. A terminal that is gone is no reason to leave children behind."""
    with contextlib.suppress(OSError):
        print(line, flush=True)  # noqa: T201 - this is what the command is for


def _complain(error: Exception, code: int) -> int:
    with contextlib.suppress(OSError):
        print(f"{os.path.basename(sys.argv[0])} up: {error}", file=sys.stderr, flush=True)  # noqa: PTH119, T201
    return code
