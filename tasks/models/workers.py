"""The worker row: one start of one worker process, and its lease."""

from django.db import models


class WorkerProcess(models.Model):
    """One start of a worker's main process. While its lease runs, nobody else ends its attempts."""

    incarnation = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=255)
    queues = models.JSONField(default=list)
    concurrency = models.IntegerField()
    started_at = models.DateTimeField()
    last_heartbeat_at = models.DateTimeField()
    lease_expires_at = models.DateTimeField(db_index=True)
    upkeep_at = models.DateTimeField(null=True)
    """When it last had done every chore that was due, and none failed."""
    stopped_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.incarnation})"
