"""docker-compose.yml and the Dockerfile, checked without an engine."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ["migrate", "web", "worker"]
SETTINGS = (ROOT / "project" / "settings.py").read_text()


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, its text) of each in the Dockerfile."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    logical = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(name, text) for name, _, text in (line.partition(" ") for line in logical)]


def seconds(duration: str) -> int:
    """Return a duration such as `45s` or `1m` in seconds."""
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


def copied_sources() -> list[str]:
    """Return what the Dockerfile copies out of the repository."""
    copies = [shlex.split(text) for name, text in instructions() if name == "COPY"]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def command_of_the_image() -> list[str]:
    """Return what the image runs unless told otherwise."""
    return list(json.loads(next(text for name, text in instructions() if name == "CMD")))


def test_compose_file_fits_its_schema():
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            str(ROOT / "docker-compose.yml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


def test_every_reference_of_the_compose_file_is_defined():
    dependencies = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    volumes = {mount.partition(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    hosts = set(re.findall(r"(?:@|//)(\w+):\d+", " ".join(SERVICES["web"]["environment"].values())))

    assert dependencies <= set(SERVICES)
    assert volumes == set(COMPOSE["volumes"])
    assert hosts == {"postgres", "valkey"}


def test_who_waits_for_health_waits_for_a_service_that_tells_it():
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]


def test_migrations_run_once_and_before_the_rest():
    assert SERVICES["migrate"]["command"][:3] == ["python", "manage.py", "migrate"]
    assert SERVICES["migrate"]["restart"] == "on-failure"
    for name in ("web", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", ["postgres", "valkey", "web", "worker"])
def test_what_stays_up_is_restarted_and_checked(name: str):
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"]


def test_worker_has_more_time_to_stop_than_its_grace():
    grace = float(SERVICES["worker"]["environment"]["SHUTDOWN_GRACE_SECONDS"])

    assert seconds(SERVICES["worker"]["stop_grace_period"]) >= grace + 10


@pytest.mark.parametrize("name", OURS)
def test_environment_names_variables_that_the_settings_read(name: str):
    read = set(re.findall(r'env\.\w+\("(\w+)"', SETTINGS))

    assert set(SERVICES[name]["environment"]) <= read


def test_what_must_not_be_guessed_has_no_default():
    environment = SERVICES["web"]["environment"]

    assert environment["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert "${POSTGRES_PASSWORD:?" in environment["DATABASE_URL"]
    assert "DEBUG" not in environment


@pytest.mark.parametrize(
    "command",
    [
        *(pytest.param(SERVICES[name]["command"], id=name) for name in OURS),
        pytest.param(SERVICES["worker"]["healthcheck"]["test"][1:], id="health-of-the-worker"),
        pytest.param(command_of_the_image(), id="image"),
    ],
)
def test_command_is_one_that_the_image_has(command: list[str]):
    if command[1] == "-m":
        assert command[0] == "python"
        assert importlib.util.find_spec(command[2])
    else:
        assert command[:2] == ["python", "manage.py"]
        assert (ROOT / "manage.py").exists()


def test_every_image_is_pinned():
    images = [service["image"] for service in SERVICES.values()]
    images += [text.split()[0] for name, text in instructions() if name == "FROM"]

    for image in images:
        assert re.fullmatch(r"[\w/.-]+:v?\d+\.\d+[\w.-]*", image), image


def test_every_source_that_the_image_copies_exists_and_is_sent_to_the_builder():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    kept_back = {line for line in lines if not line.startswith("!")}

    for source in copied_sources():
        folders = {source, *map(str, Path(source).parents)}
        assert (ROOT / source).exists(), source
        assert folders & sent, source
        assert not folders & kept_back, source


def test_image_does_not_run_as_root():
    users = [text for name, text in instructions() if name == "USER"]

    assert users
    assert users[-1] not in ("0", "root")


def test_image_has_every_package_of_ours():
    copied = set(copied_sources())
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}

    assert packages <= copied


def manage(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as in production, with this environment and nothing else."""
    production = {
        "PATH": "/usr/bin:/bin",
        "SECRET_KEY": "one that is long enough, and of many different characters: 0123456789 abcdefghijkl",
        "ALLOWED_HOSTS": "tasks.example.org",
        "DATABASE_URL": "sqlite://:memory:",
    }
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env={**production, **environment}, capture_output=True, text=True, check=False)


def test_deployment_check_finds_nothing():
    checked = manage("check", "--deploy", "--fail-level", "WARNING")

    assert checked.returncode == 0, checked.stderr
    assert "System check identified no issues" in checked.stdout


def test_cookies_are_secure_in_production():
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SECURE_CONTENT_TYPE_NOSNIFF")
    asked = f"from django.conf import settings; print(all(getattr(settings, name) for name in {names}))"

    assert manage("shell", "--no-imports", "-c", asked).stdout == "True\n"


@pytest.mark.parametrize("value", ["0/minute", "10/minute;often"])
def test_limit_that_is_not_understood_stops_the_start(value: str):
    started = manage("check", LOGIN_ATTEMPTS_PER_NAME=value)

    assert started.returncode != 0
    assert f"LOGIN_ATTEMPTS_PER_NAME is {value!r}" in started.stderr
