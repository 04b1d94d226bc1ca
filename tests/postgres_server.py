"""A PostgreSQL server of the system's packages: in a temporary directory, on a free port, never as root."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg

START_S = 60.0


def find_programs():
    """The folder of initdb and postgres, the newest version; None if there is none."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    folders += [Path(on_path).resolve().parent] if on_path else []
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


def why_not():
    """The sentence why no server can be started here; None if one can."""
    if find_programs() is None:
        return "PostgreSQL is not there; install it with: sudo apt-get install postgresql"
    return None


def _other_user():
    """Whom a server of root's runs as; None for whoever runs the tests."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass
class PostgresServer:
    """Attributes: folder: where it keeps its data; port: where it listens on this machine; process: None while down."""

    folder: Path
    port: int
    process: subprocess.Popen | None = None

    def start(self):
        """Start it and wait until it answers."""
        options = [f"-p{self.port}", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={self.folder}"]
        command = [str(find_programs() / "postgres"), "-D", str(self.folder / "data"), "-F", *options]
        self.process = subprocess.Popen(
            command, user=_other_user(), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until_s = time.monotonic() + START_S
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > until_s or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self):
        """Stop it without a look at who is connected."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None

    def execute(self, statement):
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self):
        """The address of an empty database."""
        name = f"store_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name):
        return f"postgresql://planner@127.0.0.1:{self.port}/{name}"


def make_server():
    """A running server with a directory of its own; `remove` ends it."""
    folder = Path(tempfile.mkdtemp(prefix="planner-postgres-"))
    user = _other_user()
    if user is not None:
        shutil.chown(folder, user)
    command = [find_programs() / "initdb", "-D", folder / "data", "-U", "planner", "-A", "trust", "-E", "UTF8", "-N"]
    subprocess.run([*map(str, command), "--locale=C"], user=user, cwd=folder, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = PostgresServer(folder, port)
    try:
        server.start()
    except BaseException:
        remove(server)
        raise
    return server


def remove(server):
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)
