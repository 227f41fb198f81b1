"""What each pool child does right now, in memory that the worker's main process shares with its children.

The main process makes the slots before it forks. Each child writes its own slot alone, so the main process knows which
claim a child holds without asking the database or the child, also while a handler is stuck, and after it has died.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

_SIZE: Final = 64
_PID: Final = struct.Struct("=q")
_TIME: Final = struct.Struct("=d")
_CLAIM: Final = slice(8, 24)
_CANCEL: Final = slice(24, 40)
_TIMES_OUT_AT: Final = 40
_INTENDED: Final = slice(48, 64)
_NOTHING: Final = bytes(16)
_STOP: Final = slice(-1, None)
"""Behind all slots: one byte for the whole worker."""


class Slot:
    """One child's place: its pid, the claim that it holds, when that claim's handler is out of time, and a cancel.

    Times are `time.monotonic`, which all processes of a machine share.
    """

    def __init__(self, shared: mmap.mmap, number: int) -> None:
        self._memory = memoryview(shared)[number * _SIZE : (number + 1) * _SIZE]
        self._stop = memoryview(shared)[_STOP]

    # ---- written by the child -------------------------------------------------------------------------------------

    def occupy(self, pid: int) -> None:
        """Begin anew, as the child `pid`."""
        self.release()
        self._memory[_CANCEL] = _NOTHING
        _PID.pack_into(self._memory, 0, pid)

    def intend(self, claim_id: UUID) -> None:
        """Note that the child is about to make this claim, which the database may show before the child knows."""
        self._memory[_INTENDED] = claim_id.bytes

    def hold(self, claim_id: UUID) -> None:
        """Note that the child runs the attempt of this claim."""
        self._memory[_CLAIM] = claim_id.bytes

    def release(self) -> None:
        """Note that the child runs nothing."""
        self._memory[_CLAIM] = self._memory[_INTENDED] = _NOTHING
        _TIME.pack_into(self._memory, _TIMES_OUT_AT, 0.0)

    @contextmanager
    def limited(self, times_out_at: float) -> Iterator[None]:
        """While inside, the main process ends this child some time after `times_out_at`."""
        _TIME.pack_into(self._memory, _TIMES_OUT_AT, times_out_at)
        try:
            yield
        finally:
            _TIME.pack_into(self._memory, _TIMES_OUT_AT, 0.0)

    def is_cancel_asked(self, claim: bytes) -> bool:
        """Whether the main process has passed on a cancel for this very claim."""
        return self._memory[_CANCEL] == claim

    @property
    def is_stop_asked(self) -> bool:
        """Whether the worker stops, so that this child is to begin nothing new."""
        return self._stop[0] != 0

    # ---- read and written by the main process ---------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The child, 0 where there was none yet."""
        pid: int = _PID.unpack_from(self._memory, 0)[0]
        return pid

    @property
    def claim_id(self) -> UUID | None:
        """The claim that the child holds, or held when it died."""
        held = bytes(self._memory[_CLAIM])
        return None if held == _NOTHING else UUID(bytes=held)

    @property
    def intended_claim_id(self) -> UUID:
        """The claim that the child made last, or is about to make."""
        return UUID(bytes=bytes(self._memory[_INTENDED]))

    @property
    def is_at_work(self) -> bool:
        """Whether the child holds a claim, or is just making one, or was when it died."""
        return self._memory[_CLAIM] != _NOTHING or self._memory[_INTENDED] != _NOTHING

    def times_out_at(self, claim_id: UUID) -> float | None:
        """When the handler of this claim is out of time; None while it is not limited, or is another's."""
        at: float = _TIME.unpack_from(self._memory, _TIMES_OUT_AT)[0]
        return at if at and self.claim_id == claim_id else None

    def ask_cancel(self, claim_id: UUID) -> None:
        """Pass on to the child that a cancel was asked for this claim. A child that holds another takes no notice."""
        self._memory[_CANCEL] = claim_id.bytes


class Slots:
    """All slots of one worker, numbered as Celery numbers its pool children: a child's replacement takes its number."""

    def __init__(self, count: int = 1024) -> None:
        shared = mmap.mmap(-1, count * _SIZE + 1)
        self._stop = memoryview(shared)[_STOP]
        self._slots = [Slot(shared, number) for number in range(count)]

    def __getitem__(self, number: int) -> Slot:
        return self._slots[number]

    def occupied(self) -> list[Slot]:
        """Return the slots that a child has taken."""
        return [slot for slot in self._slots if slot.pid]

    def ask_stop(self) -> None:
        """Tell all children, those that come later too, to begin nothing new."""
        self._stop[0] = 1
