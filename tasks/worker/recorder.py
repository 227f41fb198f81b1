"""What a handler reports on its way to the event log: gathered without delay, stored about ten times a second.

The handler's thread only appends to a queue in memory. A thread that all attempts of the process share stores what has
gathered, and whoever ends the attempt stores the rest first. A process that is killed may lose the last 100 ms.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from django.conf import settings

from tasks import lifecycle
from tasks.lifecycle import Claim, Logged, Output, Progressed, RecordAnswer
from tasks.registry import TaskCancelled
from tasks.status import LogLevel
from tasks.worker.flusher import Flusher
from tasks.worker.slots import Slot
from tasks.worker.text import cut, storable

Entry = Progressed | Logged | Output
Record = Callable[[Claim, Sequence[Entry], int | None], RecordAnswer]

CHUNK_CHARACTERS: Final = 8192
"""The longest chunk of one event: with its envelope it stays below what the channel layer carries whole."""
_ENTRIES_AT_ONCE: Final = 200
_MAX_PENDING: Final = 1024 * 1024
"""A handler that is this far ahead of the log, in characters, waits until the log has caught up."""
_ENTRY_COST: Final = 64
_TAKEN_AT_ONCE: Final = 10_000


class Recorder:
    """What one attempt has reported and the log does not have yet. It begins with a claim and ends with it.

    `report`, `log` and `emit` may be called from any thread of the handler.
    """

    def __init__(self, claim: Claim, slot: Slot, flusher: Flusher, record: Record = lifecycle.record) -> None:
        self.claim = claim
        self.stop: BaseException | None = None
        """What the handler's next report raises: a known cancel, a lost claim, the attempt's end, a fault of ours."""
        self.is_cancel_known = False
        self.is_claim_lost = False
        self._claim_bytes = claim.claim_id.bytes
        self._slot = slot
        self._flusher = flusher
        self._record = record
        self._pending: deque[Logged | str] = deque()
        self._progress: Progressed | None = None
        self._batch: list[Entry] = []
        """What is just being stored. It stays as it is until the log has answered: that is how it knows it again."""
        self._batch_cost = 0
        self._version: int | None = claim.version
        self._is_awaited = False
        self._taken_in = self._written_out = 0
        self._lines = 0
        self._one_flush_at_a_time = threading.Lock()
        self._room = threading.Event()

    # ---- the handler's side: as short as can be ---------------------------------------------------------------------

    def report(self, progress: Progressed) -> None:
        """Take in how far the attempt has come; it replaces what was not stored yet."""
        self.check()
        self._progress = progress
        if not self._is_awaited:
            self._wake()

    def log(self, level: LogLevel, message: str) -> None:
        """Take in one line; those over the attempt's cap are dropped, and the first of them says so."""
        self.check()
        self._lines += 1
        if self._lines <= settings.MAX_LOG_LINES:
            self._append(Logged(level, message), len(message))
        elif self._lines == settings.MAX_LOG_LINES + 1:
            cap = f"This attempt has logged {settings.MAX_LOG_LINES} lines, as many as it may; the rest is dropped"
            self._append(Logged(LogLevel.WARNING, cap), len(cap))

    def emit(self, chunk: str) -> None:
        """Take in one chunk of output."""
        self.check()
        if chunk:
            self._append(chunk, len(chunk))

    def check(self) -> None:
        """Raise what the handler must learn: above all TaskCancelled."""
        if self._slot.is_cancel_asked(self._claim_bytes):
            self.learn_cancel()
        if self.stop is not None:
            raise self.stop

    def is_cancelled(self) -> bool:
        """Whether the handler should come to an end."""
        if self._slot.is_cancel_asked(self._claim_bytes):
            self.learn_cancel()
        return self.is_cancel_known or self.is_claim_lost

    def learn_cancel(self) -> None:
        """Note that a cancel was asked for the attempt."""
        if not self.is_cancel_known:
            self.is_cancel_known = True
            self.stop = self.stop or TaskCancelled("a cancel was asked for this task")

    def _append(self, entry: Logged | str, size: int) -> None:
        self._pending.append(entry)
        self._taken_in += size + _ENTRY_COST
        if not self._is_awaited:
            self._wake()
        if self._taken_in - self._written_out > _MAX_PENDING:
            self._wait_for_room()

    def _wake(self) -> None:
        self._is_awaited = True
        self._flusher.expect(self)

    def _wait_for_room(self) -> None:
        while self._taken_in - self._written_out > _MAX_PENDING:
            self.check()
            self._room.clear()
            self._flusher.expect(self)
            self._room.wait(0.1)

    # ---- the way to the log -----------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Store what has gathered up to now, in order. What could not be stored stays, and the error is raised.

        What comes meanwhile waits for the next flush: a handler that emits faster than the log stores would keep this
        one going for ever, and the attempts beside it waiting.
        """
        with self._one_flush_at_a_time:
            self._is_awaited = False
            self._store()  # what an earlier flush could not
            due = len(self._pending)
            while not self.is_claim_lost:
                due -= self._take(due)
                self._store()
                if not due:
                    break
        self._room.set()

    def end(self) -> None:
        """Take nothing in any more: what still runs of the handler gets an error at its next report."""
        self.stop = self.stop or RuntimeError(f"attempt {self.claim.attempt} of task {self.claim.task_id} has ended")

    def _take(self, at_most: int) -> int:
        """Make the progress and so many entries of those that have gathered the next batch; return how many."""
        progress, self._progress = self._progress, None
        taken = [self._pending.popleft() for _ in range(min(at_most, _TAKEN_AT_ONCE))]
        self._batch = [_storable_progress(progress)] if progress else []
        self._batch += _merged(taken)
        self._batch_cost = sum(_cost(entry) for entry in taken)
        return len(taken)

    def _store(self) -> None:
        """Store the batch; what of it could not be stored stays."""
        while self._batch and not self.is_claim_lost:
            some = self._batch[:_ENTRIES_AT_ONCE]
            self._learn(self._record(self.claim, some, self._version))
            del self._batch[:_ENTRIES_AT_ONCE]
        self._written_out += self._batch_cost
        self._batch_cost = 0

    def _learn(self, answer: RecordAnswer) -> None:
        self._version = answer.version
        if not answer.held:
            self.is_claim_lost = True
            self.stop = self.stop or TaskCancelled("this attempt was ended by somebody else; nothing of it counts")
        elif answer.cancel_requested:
            self.learn_cancel()


def _cost(entry: Logged | str) -> int:
    return _ENTRY_COST + len(entry if isinstance(entry, str) else entry.message)


def _storable_progress(progress: Progressed) -> Progressed:
    if progress.message is None:
        return progress
    return Progressed(progress.fraction, cut(storable(progress.message), settings.MAX_LOG_LINE_BYTES))


def _merged(taken: Iterable[Logged | str]) -> Iterator[Logged | Output]:
    """Yield the same in order, with adjacent chunks made one and everything fit to be stored."""
    for is_chunk, run in groupby(taken, key=lambda entry: isinstance(entry, str)):
        if is_chunk:
            text = storable("".join(chunk for chunk in run if isinstance(chunk, str)))
            for start in range(0, len(text), CHUNK_CHARACTERS):
                yield Output(text[start : start + CHUNK_CHARACTERS])
        else:
            for line in run:
                if isinstance(line, Logged):
                    yield Logged(line.level, cut(storable(line.message), settings.MAX_LOG_LINE_BYTES))
