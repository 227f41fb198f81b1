"""`python -m project.worker_check`: ends with 0 while a worker of this machine (or container) keeps its lease, else 1.

For health checks: it asks the database, without Django, in a fraction of a second.
"""

import socket
import sys

from project import settings
from project.supervisor.database import Database

if __name__ == "__main__":
    sys.exit(0 if Database(settings.DATABASES["default"]).has_worker(f"@{socket.gethostname()}") else 1)
