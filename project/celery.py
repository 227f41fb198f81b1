"""The Celery application: it carries due tasks to workers. The truth about a task is its row, never Celery's state."""

import os

import django
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

# No fixups: Celery's own for Django closes the database connection after each task; tasks.worker looks after it.
app = Celery("taskfeed", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
