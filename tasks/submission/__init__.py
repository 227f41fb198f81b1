"""Takes work in: everything that a client may ask for, checked, stored and enqueued."""

from tasks.submission.changing import cancel, retry
from tasks.submission.requests import Answer, SubmitAnswer, SubmitRequest
from tasks.submission.submitting import submit

__all__ = ["Answer", "SubmitAnswer", "SubmitRequest", "cancel", "retry", "submit"]
