"""A look at the database without Django: can it be reached, is it migrated, has our worker signed in."""

import importlib.util
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg2

from tasks.errors import Misconfigured

_ERRORS: Final = (sqlite3.Error, psycopg2.Error)
# Django's own options, which the driver does not know.
_NOT_THE_DRIVERS: Final = frozenset({"assume_role", "isolation_level", "pool", "server_side_binding"})


class Database:
    """The default database of the settings. Each question is a connection of its own; they are few."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._is_sqlite = str(settings["ENGINE"]).endswith("sqlite3")

    @property
    def name(self) -> str:
        """Where it is, without the password."""
        if self._is_sqlite:
            return str(self._settings["NAME"])
        host = self._settings.get("HOST") or "localhost"
        return f"{self._settings['NAME']} at {host}:{self._settings.get('PORT') or 5432}"

    def check(self) -> None:
        """Raise `Misconfigured`, in one line, if it can't be reached. A SQLite file need not exist yet."""
        if self._is_sqlite and not Path(self._settings["NAME"]).exists():
            return
        try:
            self._rows("SELECT 1")
        except _ERRORS as error:
            reason = " ".join(str(error).split())
            raise Misconfigured(f"DATABASE_URL can't be reached: {self.name}: {reason}") from error

    def is_migrated(self, apps: Iterable[str]) -> bool:
        """Whether every migration that these apps have has been applied. Answers in milliseconds, reads files alone."""
        try:
            applied = set(self._rows("SELECT app, name FROM django_migrations"))
        except _ERRORS:
            return False
        return applied.issuperset(_migrations(apps))

    def has_worker(self, name_part: str) -> bool:
        """Whether a worker with that in its name has signed in and keeps its lease."""
        try:
            names = self._rows("SELECT name FROM tasks_workerprocess WHERE lease_expires_at > CURRENT_TIMESTAMP")
        except _ERRORS:
            return False
        return any(name_part in name for (name,) in names)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def _connect(self) -> Any:
        if self._is_sqlite:
            return sqlite3.connect(f"{Path(self._settings['NAME']).as_uri()}?mode=rw", uri=True, timeout=5)
        options = {
            key: value for key, value in self._settings.get("OPTIONS", {}).items() if key not in _NOT_THE_DRIVERS
        }
        return psycopg2.connect(
            **{
                "dbname": self._settings["NAME"] or None,
                "user": self._settings.get("USER") or None,
                "password": self._settings.get("PASSWORD") or None,
                "host": self._settings.get("HOST") or None,
                "port": self._settings.get("PORT") or None,
                **options,
            }
        )


def _migrations(apps: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield (app label, name) of each migration's file."""
    for app in apps:
        spec = importlib.util.find_spec(app)
        for folder in spec.submodule_search_locations or [] if spec else []:
            for file in Path(folder).glob("migrations/[!_]*.py"):
                yield app.rpartition(".")[2], file.stem
