"""The worker: it claims tasks that Celery delivers, calls their handlers and keeps watch over its pool children.

Celery imports this package when a worker starts; that registers its one task and connects the worker's signals.
"""

from tasks.worker.celery_task import run

__all__ = ["run"]
