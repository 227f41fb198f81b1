"""A whole Taskfeed of real processes for one test module, and a small client of its API."""

import itertools
import json
import os
import shutil
import signal
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psycopg2

from project.servers import Child, Valkey, free_port
from tests.services import WORKER
from tests.waiting import wait_for as wait_for

ROOT: Final = Path(__file__).resolve().parent.parent.parent
READY_SECONDS: Final = 40.0
PASSPHRASE: Final = "a long enough passphrase"
_numbers = itertools.count(1)


class GraphQLErrors(AssertionError):
    """The answer had top-level errors, in `errors`."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(json.dumps(errors, indent=1))
        self.errors = errors

    @property
    def codes(self) -> list[str]:
        """Each error's `extensions.code`."""
        return [error.get("extensions", {}).get("code", "") for error in self.errors]


class Api:
    """A synchronous client of one user: `register` or `login` first, then call it with a document."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url
        self.token = token

    @property
    def socket_url(self) -> str:
        """Where subscriptions are served."""
        return f"{self.base_url.replace('http', 'ws', 1)}/graphql"

    def __call__(self, document: str, **variables: Any) -> dict[str, Any]:
        """Execute and return `data`. Raises `GraphQLErrors`."""
        answer = self.post({"query": document, "variables": variables})
        if "errors" in answer:
            raise GraphQLErrors(answer["errors"])
        return dict(answer["data"])

    def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and return the whole answer, whatever its HTTP status."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.base_url}/graphql", json.dumps(body).encode(), headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=70) as response:  # noqa: S310 - our own server
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            with error:
                return dict(json.load(error))

    def register(self, username: str = "ada", password: str = PASSPHRASE) -> "Api":
        """Make a user and return a client that is signed in as that user."""
        return self._signed_in("register", "RegisterInput", username, password)

    def login(self, username: str = "ada", password: str = PASSPHRASE) -> "Api":
        """Return a client that is signed in as an existing user."""
        return self._signed_in("login", "LoginInput", username, password)

    def _signed_in(self, field: str, kind: str, username: str, password: str) -> "Api":
        errors = "errors { ... on UserError { message } }"
        document = f"mutation($input: {kind}!) {{ answer: {field}(input: $input) {{ token {errors} }} }}"
        answer = self(document, input={"username": username, "password": password})["answer"]
        assert answer["token"], answer["errors"]
        return Api(self.base_url, answer["token"])

    def submit(self, task: Mapping[str, Any], wait_seconds: float = 0, **more: Any) -> dict[str, Any]:
        """Submit a task such as {"reverseString": {"text": "abc"}}; return its id, status, type and version."""
        payload = self(
            "mutation($input: SubmitTaskInput!, $wait: Float!) { submitTask(input: $input, waitSeconds: $wait) {"
            " task { id status type version attempt } deduplicated errors { ... on UserError { message path } } } }",
            input={"task": task, **more},
            wait=wait_seconds,
        )["submitTask"]
        assert payload["task"], payload["errors"]
        return dict(payload["task"])

    def task(self, task_id: str, fields: str = "id status type version attempt") -> dict[str, Any]:
        """Return one task, by its id."""
        return dict(self(f"query($id: ID!) {{ task(id: $id) {{ {fields} }} }}", id=task_id)["task"])


class Database:
    """A database of the deployment's own, migrated, with a way to look into it past the API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run one query on a connection of its own."""
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(query)
            found = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
            return found

    def _connect(self) -> Any:
        if self.url.startswith("sqlite"):
            return sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=10)
        return psycopg2.connect(self.url)


class Databases:
    """Makes databases: migrates once, then copies. On the tests' server, or on the one of `url`."""

    def __init__(self, directory: Path, url: str | None = None) -> None:
        self._directory = directory
        self._server = url or os.environ["DATABASE_URL"]
        self._template: str | None = None
        self._made: list[str] = []

    def make(self) -> Database:
        """Return a new one with the tables and nothing in them."""
        if self._template is None:
            self._template = self._migrated()
        name = f"taskfeed_e2e_{WORKER}{next(_numbers)}"
        if self._is_sqlite:
            shutil.copy(self._directory / self._template, self._directory / name)
        else:
            self._create(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"', name)
        return Database(self._url(name))

    def empty(self) -> Database:
        """Return a new one without tables."""
        name = f"taskfeed_e2e_{WORKER}{next(_numbers)}"
        if not self._is_sqlite:
            self._create(f'CREATE DATABASE "{name}"', name)
        return Database(self._url(name))

    def drop_all(self) -> None:
        """Remove what was made, also where somebody is still connected."""
        for name in self._made:
            self._maintain(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @property
    def _is_sqlite(self) -> bool:
        return self._server.startswith("sqlite")

    def _url(self, name: str) -> str:
        return f"sqlite:///{self._directory / name}" if self._is_sqlite else f"{self._server.rpartition('/')[0]}/{name}"

    def _migrated(self) -> str:
        database = self.empty()
        child = Child("migrate", [sys.executable, ROOT / "manage.py", "migrate", "--no-input", "--verbosity", "0"])
        log = self._directory / "migrate.log"
        child.start(environment={**os.environ, "DATABASE_URL": database.url}, directory=ROOT, log=log)
        child.await_end(READY_SECONDS)
        return database.url.rpartition("/")[2]

    def _create(self, statement: str, name: str) -> None:
        self._maintain(statement)
        self._made.append(name)

    def _maintain(self, statement: str) -> None:
        with closing(psycopg2.connect(self._url("postgres"))) as connection, closing(connection.cursor()) as cursor:
            connection.autocommit = True
            cursor.execute(statement)


class Processes:
    """A server and a worker on a database and a Valkey of their own. `stop` ends them in order, whatever happened."""

    def __init__(self, directory: Path, database: Database, **environment: str) -> None:
        self.directory = directory
        self.database = database
        self.valkey = Valkey(directory / "valkey", durable=True)
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.server: Child | None = None
        self.workers: list[Child] = []
        self._more = environment

    @property
    def api(self) -> Api:
        """A client that is not signed in."""
        return Api(self.base_url)

    @property
    def environment(self) -> dict[str, str]:
        """What each process finds in its environment."""
        return {
            **os.environ,
            "DATABASE_URL": self.database.url,
            "REDIS_URL": self.valkey.url,
            "DATA_DIR": str(self.directory),
            "PORT": str(self.port),
            "REGISTRATION_OPEN": "1",
            "LEASE_SECONDS": "6",
            "HEARTBEAT_SECONDS": "1",
            "SHUTDOWN_GRACE_SECONDS": "2",
            **self._more,
        }

    def start(self) -> None:
        """Start everything and return when it is ready."""
        self.start_valkey()
        server, worker = self.spawn_server(), self.spawn_worker()
        self.await_server(server)
        self.await_worker(worker)

    def stop(self) -> None:
        """End what runs: the server, the workers, the store."""
        for child in (self.server, *self.workers):
            if child is not None:
                child.stop(10)
        self.valkey.stop()

    def start_valkey(self) -> None:
        """Start the store, the second time on the same port and with what it had."""
        self.valkey.start(port=self.valkey.port)

    def spawn_server(self, kind: str = "uvicorn") -> Child:
        """Start a server without waiting for it."""
        commands: dict[str, list[str | Path]] = {
            "uvicorn": ["-m", "project.server"],
            "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), "project.asgi:application"],
            "runserver": [ROOT / "manage.py", "runserver", "--noreload", str(self.port)],
        }
        self.server = self._spawn(kind, commands[kind])
        return self.server

    def await_server(self, server: Child) -> None:
        """Return when the server answers a query."""
        server.await_fact(self._answers, READY_SECONDS)

    def spawn_worker(self, concurrency: int = 2, *options: str, name: str | None = None) -> Child:
        """Start a worker without waiting for it. Its name is "worker<number>@test", unless another is given."""
        worker = self._spawn(
            f"worker{next(_numbers)}",
            [
                *("-m", "project.worker", "--hostname", name or f"worker{next(_numbers)}@test"),
                *("--concurrency", str(concurrency), *options),
            ],
        )
        self.workers.append(worker)
        return worker

    def await_worker(self, worker: Child) -> None:
        """Return when the worker has signed in to the database."""
        name = worker.command[worker.command.index("--hostname") + 1]
        query = f"SELECT 1 FROM tasks_workerprocess WHERE name = '{name}' AND stopped_at IS NULL"
        worker.await_fact(lambda: bool(self.database.rows(query)), READY_SECONDS)

    def kill(self, child: Child) -> None:
        """SIGKILL that process alone, as the kernel would, and wait until it is gone."""
        child.send(signal.SIGKILL)
        child.wait(5)

    def log_of(self, child: Child) -> str:
        """Return what a process has printed."""
        return (self.directory / f"{child.name}.log").read_text(errors="replace")

    def _spawn(self, name: str, arguments: list[str | Path]) -> Child:
        child = Child(name, [sys.executable, *arguments])
        child.start(environment=self.environment, directory=ROOT, log=self.directory / f"{name}.log")
        return child

    def _answers(self) -> bool:
        try:
            return "data" in self.api.post({"query": "{ __typename }"})
        except (OSError, ValueError):
            return False
