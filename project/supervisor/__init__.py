"""`manage.py up`: the store, the worker and the server as children of one supervisor, started, watched and stopped.

Does not set Django up, which would take longer than all the rest: the settings are read as the plain module they are,
and what needs Django runs in a child.
"""

from project.supervisor.command import main

__all__ = ["main"]
