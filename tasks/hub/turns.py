"""Events that wait to be told: one of each task in turn, so that a busy task delays none but its own watchers. Pure."""

from collections import OrderedDict, deque
from uuid import UUID

from tasks.hub.weight import weight_of_event
from tasks.models import Event


class Turns:
    """A queue for each task that has events waiting. False while there is none."""

    __slots__ = ("_queues", "count", "weight")

    def __init__(self) -> None:
        self._queues: OrderedDict[UUID, deque[tuple[Event, int]]] = OrderedDict()
        self.count = 0
        """How many events there are."""
        self.weight = 0
        """About how many bytes they take."""

    def __bool__(self) -> bool:
        return bool(self._queues)

    def put(self, event: Event) -> None:
        """Have an event wait, behind those of its task."""
        weight = weight_of_event(event)
        self.count += 1
        self.weight += weight
        self._queues.setdefault(event.task_id, deque()).append((event, weight))

    def drop(self, task_id: UUID) -> list[Event]:
        """Take out all events of a task."""
        events = self._queues.pop(task_id, ())
        self.count -= len(events)
        self.weight -= sum(weight for _, weight in events)
        return [event for event, _ in events]

    def take(self) -> Event:
        """Take out the first event of the task whose turn it is. Raises `KeyError` while there is none."""
        task_id, queue = self._queues.popitem(last=False)
        event, weight = queue.popleft()
        self.count -= 1
        self.weight -= weight
        if queue:
            self._queues[task_id] = queue
        return event
