"""What must stand in the environment before the settings can be read."""

import os
import secrets
import tempfile
import uuid
from pathlib import Path

import environ

from tasks.errors import Misconfigured

RUN_ID = "TASKFEED_RUN_ID"
"""Names one start of the supervisor; its server and worker carry it, so that nobody else's are taken for them."""

_ROOT = Path(__file__).resolve().parent.parent.parent


def prepare() -> Path:
    """Set RUN_ID, DATA_DIR and, where DEBUG is on, SECRET_KEY; return DATA_DIR, which exists and is writable.

    With DEBUG off, a missing SECRET_KEY is left to the settings, which refuse it. Raises `Misconfigured`.
    """
    directory = Path(os.environ.get("DATA_DIR") or _ROOT / ".data").resolve()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"DATA_DIR can't be made: {error.strerror}: {str(directory)!r}") from error
    try:
        # Tried and not asked for: to root every right is granted, also on a file system that takes nothing.
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise Misconfigured(f"DATA_DIR is not writable: {error.strerror}: {str(directory)!r}") from error
    os.environ["DATA_DIR"] = str(directory)
    os.environ[RUN_ID] = uuid.uuid4().hex
    # Who pressed Ctrl-C waits for it; a longer task is given back and runs again after the next start.
    os.environ.setdefault("SHUTDOWN_GRACE_SECONDS", "2")
    if environ.Env().bool("DEBUG", default=False) and not os.environ.get("SECRET_KEY"):
        os.environ["SECRET_KEY"] = kept_secret(directory / "secret_key")
    return directory


def kept_secret(path: Path) -> str:
    """Return the secret in that file, made at random the first time and readable by its owner alone."""
    try:
        if path.exists() and (found := path.read_text().strip()):
            return found
        made = secrets.token_urlsafe(50)
        # Written aside and then put in place, so that a power cut leaves no half of a key.
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(made)
        draft.replace(path)
    except OSError as error:
        raise Misconfigured(f"the secret key can't be kept: {error.strerror}: {str(path)!r}") from error
    return made
