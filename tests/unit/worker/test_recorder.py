"""What a handler reports, on its way to the log. The log is a list here; the thread between is the real one."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django.fixtures import Settings

from tasks.lifecycle import Claim, Logged, Output, Progressed, RecordAnswer
from tasks.registry import TaskCancelled
from tasks.status import LogLevel
from tasks.worker.context import AttemptContext
from tasks.worker.flusher import Flusher
from tasks.worker.recorder import CHUNK_CHARACTERS, Entry, Recorder
from tasks.worker.slots import Slot, Slots
from tests.unit.worker.claims import a_claim


class Log:
    """Where records end up, with the answer that they get."""

    def __init__(self) -> None:
        self.batches: list[list[Entry]] = []
        self.answer = RecordAnswer(held=True, cancel_requested=False)
        self.faults: list[Exception] = []
        self.is_open = threading.Event()
        self.is_open.set()
        self._grown = threading.Condition()

    def __call__(self, _claim: Claim, entries: Sequence[Entry], _version: int | None) -> RecordAnswer:
        """Take the place of `lifecycle.record`."""
        self.is_open.wait(10)
        if self.faults:
            raise self.faults.pop(0)
        with self._grown:
            self.batches.append(list(entries))
            self._grown.notify_all()
        return self.answer

    @property
    def entries(self) -> list[Entry]:
        """All that was stored, in order."""
        return [entry for batch in self.batches for entry in batch]

    @property
    def text(self) -> str:
        """The output that was stored."""
        return "".join(entry.chunk for entry in self.entries if isinstance(entry, Output))

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        """Wait for a fact about what was stored."""
        with self._grown:
            assert self._grown.wait_for(is_true, timeout=10)


class Scene:
    """One attempt with its context."""

    def __init__(self) -> None:
        self.log = Log()
        self.claim = a_claim()
        self.slot: Slot = Slots(1)[0]
        self.recorder = Recorder(self.claim, self.slot, Flusher(), self.log)
        self.context = AttemptContext(self.claim, self.recorder)

    def end(self) -> None:
        """End the attempt: what is pending is stored."""
        self.recorder.end()
        self.recorder.flush()


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.log.is_open.set()
    scene.end()


def test_reports_reach_the_log_while_the_handler_runs(scene: Scene):
    scene.context.report_progress(0.5, "half")
    scene.context.log("hello")

    scene.log.wait_until(lambda: len(scene.log.entries) == 2)

    assert scene.log.entries == [Progressed(0.5, "half"), Logged(LogLevel.INFO, "hello")]


def test_of_much_progress_the_newest_is_kept_and_the_last_always(scene: Scene):
    for step in range(10_000):
        scene.context.report_progress(step / 10_000)
    scene.context.report_progress(1.0, "done")
    scene.end()

    assert len(scene.log.entries) <= 20
    assert scene.log.entries[-1] == Progressed(1.0, "done")


def test_a_flush_stores_what_had_gathered_and_leaves_what_comes_meanwhile_to_the_next():
    told: list[Sequence[Entry]] = []

    def record(_claim: Claim, entries: Sequence[Entry], _version: int | None) -> RecordAnswer:
        told.append(tuple(entries))
        if len(told) < 4:
            recorder.report(Progressed(len(told) / 4, None))
            recorder.emit(str(len(told)))
        return RecordAnswer(held=True, cancel_requested=False)

    recorder = Recorder(a_claim(), Slots(1)[0], Flusher(), record)
    recorder.report(Progressed(0.0, None))
    recorder.emit("0")
    for _ in range(4):
        recorder.flush()

    assert told == [(Progressed(number / 4, None), Output(str(number))) for number in range(4)]


def test_adjacent_chunks_merge_and_keep_their_order_with_lines(scene: Scene):
    scene.log.is_open.clear()
    scene.context.emit("a")
    scene.context.emit("b")
    scene.context.log("between")
    scene.context.emit("c")
    scene.log.is_open.set()
    scene.end()

    assert scene.log.entries == [Output("ab"), Logged(LogLevel.INFO, "between"), Output("c")]


def test_no_line_and_no_chunk_is_lost_or_moved_under_load(scene: Scene):
    for number in range(3_000):
        scene.context.emit(f"<{number}>")
        scene.context.log(str(number))
    scene.end()

    lines = [entry.message for entry in scene.log.entries if isinstance(entry, Logged)]
    assert lines == [str(number) for number in range(3_000)]
    assert scene.log.text == "".join(f"<{number}>" for number in range(3_000))
    assert all(len(batch) <= 200 for batch in scene.log.batches)


def test_a_long_chunk_is_told_in_pieces(scene: Scene):
    scene.context.emit("x" * (CHUNK_CHARACTERS + 1))
    scene.end()

    assert scene.log.entries == [Output("x" * CHUNK_CHARACTERS), Output("x")]


def test_a_character_may_arrive_in_two_halves(scene: Scene):
    scene.log.is_open.clear()
    scene.context.emit("\ud83d")
    scene.context.emit("\ude00\x00")
    scene.log.is_open.set()
    scene.end()

    assert scene.log.text == "\U0001f600\ufffd"


def test_an_empty_chunk_tells_nothing(scene: Scene):
    scene.context.emit("")
    scene.end()

    assert scene.log.entries == []


def test_lines_have_a_cap_that_announces_itself(scene: Scene, settings: Settings):
    settings.MAX_LOG_LINES = 3
    for number in range(10):
        scene.context.log(str(number))
    scene.end()

    *lines, cap = [entry for entry in scene.log.entries if isinstance(entry, Logged)]
    assert [line.message for line in lines] == ["0", "1", "2"]
    assert cap.level is LogLevel.WARNING
    assert "3 lines" in cap.message


def test_a_long_line_is_cut_with_a_mark(scene: Scene, settings: Settings):
    settings.MAX_LOG_LINE_BYTES = 100
    scene.context.log("x" * 1_000)
    scene.end()

    (line,) = scene.log.entries
    assert isinstance(line, Logged)
    assert len(line.message.encode()) <= 100
    assert line.message.endswith("[cut]")


def test_what_could_not_be_stored_is_stored_later_in_its_place(scene: Scene):
    scene.log.faults = [OperationalError("the database is away")]
    scene.context.emit("a")
    scene.context.log("line")
    scene.log.wait_until(lambda: len(scene.log.entries) == 2)
    scene.context.emit("b")
    scene.end()

    assert scene.log.entries == [Output("a"), Logged(LogLevel.INFO, "line"), Output("b")]


def test_a_fault_of_the_log_ends_the_handler_at_its_next_report(scene: Scene, caplog: pytest.LogCaptureFixture):
    scene.log.faults = [ValueError("a fault of ours")]
    scene.context.emit("a")

    with pytest.raises(ValueError, match="a fault of ours"):
        _report_until_stopped(scene)
    assert "can't be stored" in caplog.text


def test_a_handler_far_ahead_of_the_log_waits_for_it(scene: Scene):
    scene.log.is_open.clear()
    emitted: list[int] = []

    def handler() -> None:
        for number in range(400):
            scene.context.emit("x" * 10_000)
            emitted.append(number)

    thread = threading.Thread(target=handler)
    thread.start()
    thread.join(0.5)

    assert thread.is_alive()
    assert len(emitted) < 200
    scene.log.is_open.set()
    thread.join(20)
    assert not thread.is_alive()


def test_a_database_fault_does_not_make_the_handler_wait_for_ever(scene: Scene):
    for _ in range(4):
        scene.log.faults = [OperationalError("away")]
        for _ in range(6_000):
            scene.context.emit("x")
        scene.log.wait_until(lambda: not scene.log.faults)
    scene.end()

    assert len(scene.log.text) == 24_000


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(RecordAnswer(held=True, cancel_requested=True), id="a cancel was asked"),
        pytest.param(RecordAnswer(held=False, cancel_requested=False), id="the claim is lost"),
    ],
)
def test_the_answer_of_the_log_ends_the_handler_at_its_next_report(scene: Scene, answer: RecordAnswer):
    scene.log.answer = answer
    scene.context.emit("a")

    with pytest.raises(TaskCancelled):
        _report_until_stopped(scene)
    assert scene.context.is_cancelled()


def test_a_cancel_that_the_main_process_passes_on_is_known_at_once(scene: Scene):
    assert not scene.context.is_cancelled()

    scene.slot.ask_cancel(scene.claim.claim_id)

    assert scene.context.is_cancelled()
    for report in (scene.context.report_progress, lambda: scene.context.log("a"), lambda: scene.context.emit("a")):
        with pytest.raises(TaskCancelled):
            report()


def test_nothing_is_taken_in_after_the_end(scene: Scene):
    scene.end()

    with pytest.raises(RuntimeError, match="has ended"):
        scene.context.emit("a")


@pytest.mark.parametrize(
    ("fraction", "error"),
    [(-0.1, ValueError), (1.1, ValueError), (float("nan"), ValueError), ("0.5", TypeError), (True, TypeError)],
)
def test_a_fraction_that_is_none_is_refused(scene: Scene, fraction: Any, error: type[Exception]):
    with pytest.raises(error, match="fraction"):
        scene.context.report_progress(fraction)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        pytest.param(lambda context: context.report_progress(0.5, 3), TypeError, id="message"),
        pytest.param(lambda context: context.log(b"bytes"), TypeError, id="line"),
        pytest.param(lambda context: context.log("text", "LOUD"), ValueError, id="level"),
        pytest.param(lambda context: context.emit(None), TypeError, id="chunk"),
    ],
)
def test_wrong_types_are_refused_with_what_was_expected(
    scene: Scene, call: Callable[[AttemptContext], None], error: type[Exception]
):
    with pytest.raises(error, match="expected"):
        call(scene.context)


def test_an_attempt_that_reports_nothing_starts_no_thread():
    before = threading.active_count()
    scene = Scene()
    scene.end()

    assert threading.active_count() == before


def test_ten_thousand_reports_cost_the_handler_little(scene: Scene):
    begun_at = time.thread_time()
    for _ in range(10_000):
        scene.context.report_progress(0.5)
        scene.context.emit("x")

    # Measured at 1 to 2 microseconds a call; the bound is what no slow machine should pass.
    assert time.thread_time() - begun_at < 0.4


def _report_until_stopped(scene: Scene) -> None:
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        scene.context.emit("b")
        time.sleep(0)
