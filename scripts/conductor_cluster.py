"""Conductor servers that share a PostgreSQL database, on this machine, for the scripts beside this module.

It needs PostgreSQL (Debian's package ``postgresql``), and the needs of ``scripts/conductor_server.sh``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

SERVER_SCRIPT = Path(__file__).parent / "conductor_server.sh"
LOCK_LEASE = 5
"""Seconds for which a server that was killed still keeps others from its workflows. The server's default is 60."""


class MissingError(Exception):
    """PostgreSQL, Java or Maven is not installed."""


class Server:
    """A Conductor server. url: of its API, after ``start``. kill: as ``kill -9`` does."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._environment = os.environ | {"CONDUCTOR_SERVER_STATE": str(state)}
        self.url = ""
        self.pid = 0

    def start(self, database_port: int) -> None:
        """Block until the server answers. RuntimeError: it did not start."""
        options = [
            f"--conductor.{kind}.type=postgres" for kind in ("db", "queue", "indexing", "workflow-execution-lock")
        ]
        options += [
            f"--conductor.app.lockLeaseTime={LOCK_LEASE}s",
            f"--spring.datasource.url=jdbc:postgresql://127.0.0.1:{database_port}/postgres",
            "--spring.datasource.username=conductor",
            "--spring.datasource.password=conductor",
        ]
        done = subprocess.run(
            [SERVER_SCRIPT, "start", *options], env=self._environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode == 3:
            raise MissingError("Java 21 or Maven is not installed")
        if done.returncode:
            raise RuntimeError("a Conductor server did not start: its log is above")
        self.url = done.stdout.strip()
        self.pid = int((self._state / "pid").read_text())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Also after ``kill``, and after a start that failed."""
        subprocess.run([SERVER_SCRIPT, "stop"], env=self._environment, check=True)


@contextlib.contextmanager
def cluster(size: int) -> Iterator[list[Server]]:
    """Servers on one new database. All of them and their data are gone when the context is left."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        Path(folder).chmod(0o755)  # PostgreSQL may run as another user
        port = stack.enter_context(postgresql(Path(folder, "postgresql")))
        servers = [Server(Path(folder, f"server-{number}")) for number in range(1, size + 1)]
        for server in servers:
            stack.callback(server.stop)
        with ThreadPoolExecutor() as starts:
            list(starts.map(lambda server: server.start(port), servers))
        yield servers


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[int]:
    """A PostgreSQL server of its own on loopback, and its port. It has the user ``conductor`` with that password."""
    programs, port = postgresql_programs(), free_port()
    user = "postgres" if os.geteuid() == 0 else None  # initdb refuses root
    folder.mkdir()
    if user is not None:
        shutil.chown(folder, user)
    password = folder.parent / "password"
    password.write_text("conductor")
    data = folder / "data"
    initdb = [programs / "initdb", "--username=conductor", f"--pwfile={password}", "--auth=scram-sha-256", "-D", data]
    subprocess.run(initdb, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
    control = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        stop = [*control, "-m", "immediate", "stop"]
        subprocess.run(stop, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def postgresql_programs() -> Path:
    """The folder of the newest installed PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda program: int(program.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise MissingError("PostgreSQL is not installed (Debian: package postgresql)")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Balancer:
    """Passes connections on to the servers in turn, and passes over those that refuse them. A context manager.

    It stands for the load balancer of a real installation. ``url`` is that of the API behind it.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._targets = [urlsplit(url).netloc.split(":") for url in urls]
        self._next = 0
        self._writers: set[asyncio.StreamWriter] = set()  # of open connections
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self._thread = threading.Thread(target=self._loop.run_forever, name="balancer", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/api"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._loop.run_until_complete(self._end_connections())
        self._loop.close()

    async def _end_connections(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._targets:
            host, port = self._targets[self._next]
            self._next = (self._next + 1) % len(self._targets)
            with contextlib.suppress(OSError):
                server_reader, server_writer = await asyncio.open_connection(host, int(port))
                self._writers |= {writer, server_writer}
                await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))
                self._writers -= {writer, server_writer}
                return
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until one side ends, and end the other one."""
    with contextlib.suppress(OSError):
        while part := await source.read(65536):
            target.write(part)
            await target.drain()
    target.close()
