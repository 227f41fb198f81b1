from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from project.supervisor.announcement import EXAMPLE, announcement
from project.supervisor.database import Database
from project.supervisor.environment import kept_secret, prepare
from project.supervisor.readiness import browsable, is_loopback

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    for name in ("SECRET_KEY", "DEBUG", "TASKFEED_RUN_ID", "SHUTDOWN_GRACE_SECONDS"):
        monkeypatch.setenv(name, "")  # so that it is put back, whatever the test leaves there
        monkeypatch.delenv(name)
    return monkeypatch


def test_secret_key_is_made_once_and_for_the_owner_alone(tmp_path: Path):
    path = tmp_path / "secret_key"

    first, second = kept_secret(path), kept_secret(path)

    assert first == second
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_debug_no_secret_key_is_made(environment: pytest.MonkeyPatch, tmp_path: Path):
    environment.setenv("DEBUG", "0")

    prepare()

    assert not (tmp_path / "data" / "secret_key").exists()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:80", id="loopback"),
        pytest.param("0.0.0.0", "http://127.0.0.1:80", id="every-address"),  # noqa: S104 - not bound
        pytest.param("::", "http://[::1]:80", id="every-address-of-version-6"),
        pytest.param("app.example.org", "http://app.example.org:80", id="name"),
    ],
)
def test_base_url_is_what_a_browser_here_can_open(host: str, url: str):
    assert browsable(host, 80) == url


@pytest.mark.parametrize(
    ("url", "answer"),
    [("http://localhost:1", True), ("http://[::1]:1", True), ("http://10.0.0.1:1", False), ("http://app.org", False)],
)
def test_only_loopback_gets_a_link(url: str, answer: bool):
    assert is_loopback(url) is answer


def test_example_to_paste_is_valid():
    schema = build_schema((ROOT / "schema.graphql").read_text())

    assert validate(schema, parse(EXAMPLE)) == []


def test_announcement_has_the_link():
    assert "http://127.0.0.1:8000/sign-in/x" in announcement(
        "http://127.0.0.1:8000", "http://127.0.0.1:8000/sign-in/x", 1
    )


def test_database_that_is_not_there_yet_is_not_migrated(tmp_path: Path):
    database = Database({"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "none.sqlite3")})

    database.check()

    assert not database.is_migrated(["tasks"])
    assert not database.has_worker("worker")
