"""What the audit of the pinned packages makes of pip-audit's report."""

import socket

import pytest

from project import audit

GOOD = {"name": "django", "version": "5.2.9", "vulns": []}
BAD = {"name": "redis", "version": "8.1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["8.1.1"]}]}
UNMENDED = {"name": "orjson", "version": "3.13.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}
SKIPPED = {"name": "gql", "skip_reason": "not found"}


def test_a_known_vulnerability_is_told_with_what_mends_it() -> None:
    verdict = audit.verdict_of({"dependencies": [GOOD, BAD, UNMENDED]})

    assert verdict.known == 3
    assert verdict.vulnerable == [
        "redis 8.1.0: PYSEC-1, mended in 8.1.1",
        "orjson 3.13.0: PYSEC-2, mended in no version yet",
    ]


def test_a_package_that_was_skipped_does_not_count_as_looked_up() -> None:
    assert audit.verdict_of({"dependencies": [SKIPPED]}) == ([], ["gql"], 0)


def test_where_the_advisories_are_away_the_audit_is_skipped_aloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setattr(audit, "ADVISORIES", nobody.getsockname())

        assert audit.main() == 0

    assert "SKIPPED" in capsys.readouterr().out
