"""The sole writer of task rows, attempts and events.

Every function is synchronous and one transaction: a conditional UPDATE of the row and the events that tell it,
published after the commit. Whoever matches no row has lost a race, and the answer says so.
"""

from tasks.lifecycle.attempts import cancel_requested, cancelled, claim, fail, give_back, record, succeed
from tasks.lifecycle.requests import request_cancel, retry
from tasks.lifecycle.rescue import (
    end_lost,
    forget_workers,
    heartbeat,
    note_upkeep,
    prune,
    register_worker,
    rescue_lost,
    retry_delay,
    running_attempts,
    stop_worker,
    upkeep_age,
)
from tasks.lifecycle.schedule import (
    expire_overdue,
    mark_enqueued,
    mark_unsent,
    now,
    promote_due,
    take_lost,
    take_unsent,
)
from tasks.lifecycle.submitting import insert
from tasks.lifecycle.values import Claim, Failure, Logged, Output, Progressed, RecordAnswer, RunningAttempt

__all__ = [
    "Claim",
    "Failure",
    "Logged",
    "Output",
    "Progressed",
    "RecordAnswer",
    "RunningAttempt",
    "cancel_requested",
    "cancelled",
    "claim",
    "end_lost",
    "expire_overdue",
    "fail",
    "forget_workers",
    "give_back",
    "heartbeat",
    "insert",
    "mark_enqueued",
    "mark_unsent",
    "note_upkeep",
    "now",
    "promote_due",
    "prune",
    "record",
    "register_worker",
    "request_cancel",
    "rescue_lost",
    "retry",
    "retry_delay",
    "running_attempts",
    "stop_worker",
    "succeed",
    "take_lost",
    "take_unsent",
    "upkeep_age",
]
