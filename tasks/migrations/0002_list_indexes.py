from django.db import migrations, models

ACTIVE = ["QUEUED", "RETRYING", "RUNNING", "SCHEDULED"]
UNSUCCESSFUL = ["CANCELLED", "EXPIRED", "FAILED"]


def _index_tags(apps, schema_editor):
    """Only of tasks that have tags, so that the others cost nothing. SQLite has no such index."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE INDEX task_tags ON tasks_task USING gin (tags) WHERE tags <> '[]'")


def _leave_tags(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX task_tags")


class Migration(migrations.Migration):
    dependencies = [("tasks", "0001_initial")]

    operations = [
        # tasks(orderBy: RECENTLY_UPDATED, filter: {allOwners: true})
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["updated_at", "id"], name="task_updated"),
        ),
        # tasks(filter: {types: …}) of a type that is rare
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["type", "id"], name="task_type_newest"),
        ),
        # tasks(filter: {statuses: …}) and isFinal: false, of what has not ended; with allOwners the second
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["owner", "id"], name="task_active", condition=models.Q(status__in=ACTIVE)),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["id"], name="task_active_all", condition=models.Q(status__in=ACTIVE)),
        ),
        # tasks(filter: {statuses: …}) of what went wrong
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                fields=["status", "owner", "id"],
                name="task_unsuccessful",
                condition=models.Q(status__in=UNSUCCESSFUL),
            ),
        ),
        # tasks(filter: {queues: …}) and priorities, of those that few tasks have
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["queue", "id"], name="task_other_queue", condition=~models.Q(queue="default")),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["priority", "id"], name="task_other_priority", condition=~models.Q(priority=1)),
        ),
        # tasks(filter: {tagsAny: …}) and tagsAll
        migrations.RunPython(_index_tags, _leave_tags),
    ]
