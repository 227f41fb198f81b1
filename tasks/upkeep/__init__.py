"""What keeps the engine true unasked, in every worker's main process: there is no extra process to forget."""

from tasks.upkeep.loop import Upkeep, WorkerIdentity

__all__ = ["Upkeep", "WorkerIdentity"]
