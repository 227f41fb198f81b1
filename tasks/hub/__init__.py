"""Live updates: every stored event reaches every subscription that may see it, once and in order.

The channel layer is only the fast path; what it loses, doubles or reorders is put right from the event log.
"""

from tasks.hub.feed_source import FeedSource
from tasks.hub.frames import Cursor, Frame, GapReason, Sink
from tasks.hub.hub import Hub, current_hub
from tasks.hub.source import EventSource
from tasks.hub.task_source import TaskSource

__all__ = ["Cursor", "EventSource", "FeedSource", "Frame", "GapReason", "Hub", "Sink", "TaskSource", "current_hub"]
