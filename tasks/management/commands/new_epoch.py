"""`manage.py new_epoch`: no cursor handed out so far is resumed from."""

from typing import Any

from django.core.management.base import BaseCommand

from tasks.hub import position


class Command(BaseCommand):
    """For a restore that can't be noticed, as of a SQLite file: clients are told EPOCH_CHANGED and start afresh."""

    help = "Begin a new epoch of the event log, after the database was restored from a copy that went back in time."

    def handle(self, *_: Any, **__: Any) -> None:
        """Store it; servers notice within seconds."""
        self.stdout.write(f"the event log's epoch is {position.new_epoch()} now")
