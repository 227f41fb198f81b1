"""The command of each child."""

import sys
from typing import Final

from project import settings

SERVER: Final = [sys.executable, "-m", "project.server"]


def worker(name: str) -> list[str]:
    """Return the worker, which signs in to the database under a name that begins with `name`."""
    return [sys.executable, "-m", "project.worker", "--hostname", f"{name}@%h"]


def manage(*arguments: str) -> list[str]:
    """Return one of Django's commands."""
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
