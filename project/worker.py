"""`python -m project.worker`: a Celery worker with the options that Taskfeed needs, in one place.

Runs WORKER_CONCURRENCY attempts at a time from QUEUES. What is given on the command line is Celery's, as `--hostname`.
"""

import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from project import settings


def main() -> None:
    """Work until told to stop; attempts that run then have SHUTDOWN_GRACE_SECONDS."""
    give_way(settings.WORKER_NICE)
    # The API's, which a worker does without: it would cost every start of one more than half a second.
    settings.INSTALLED_APPS.remove("strawberry_django")
    from project.celery import app  # noqa: PLC0415 - it sets Django up

    # To root, in a container, Celery says that pickles are dangerous; it is not given any here.
    warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")
    options = [
        *("--concurrency", str(settings.WORKER_CONCURRENCY), "--queues", ",".join(settings.QUEUES)),
        *("--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    app.worker_main(["--quiet", "worker", *options, *sys.argv[1:]])


def give_way(nice: int) -> None:
    """Have this process, and all that it starts, give way to others that want the same processor: people wait for them.

    Linux weighs sessions against each other before it looks at their processes (sched(7), autogroup). So a session that
    is ours alone gives way as a whole.
    """
    os.nice(nice)
    session = Path("/proc/self/autogroup")
    if os.getsid(0) == os.getpid() and session.exists():
        # A sandbox may forbid it, and Linux takes one such word in a tenth of a second, whoever says it.
        with suppress(OSError):
            session.write_text(str(nice))


if __name__ == "__main__":
    main()
