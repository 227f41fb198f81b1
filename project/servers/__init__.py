"""The servers that Taskfeed stands on, started as child processes from the system or from wheels.

Imports neither Django nor the settings: it must work before the settings can be read.
"""

from project.servers.children import Child, Pause, ServerFailed, free_port
from project.servers.postgres import Postgres
from project.servers.valkey import Valkey

__all__ = ["Child", "Pause", "Postgres", "ServerFailed", "Valkey", "free_port"]
