"""Taskfeed: typed tasks, their lifecycle, and the live feed of their events."""
