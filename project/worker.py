"""`python -m project.worker`: a Celery worker with the options that Taskfeed needs, in one place.

Runs WORKER_CONCURRENCY attempts at a time from QUEUES. What is given on the command line is Celery's, as `--hostname`.
"""

import sys
import warnings

from project import settings
from project.starting import skip_geography


def main() -> None:
    """Work until told to stop; attempts that run then have SHUTDOWN_GRACE_SECONDS."""
    skip_geography()
    from project.celery import app  # noqa: PLC0415 - it sets Django up

    # To root, in a container, Celery says that pickles are dangerous; it is not given any here.
    warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")
    options = [
        *("--concurrency", str(settings.WORKER_CONCURRENCY), "--queues", ",".join(settings.QUEUES)),
        *("--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    app.worker_main(["--quiet", "worker", *options, *sys.argv[1:]])


if __name__ == "__main__":
    main()
