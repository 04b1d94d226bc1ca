"""A real server with a data folder of its own, for those who mean it no good."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tools.screenshots import ROOT, simple_sample, wait_until_healthy

# The whole siege (`make siege`): the real sizes and numbers. Without it a small form of each that runs with all tests.
IS_SIEGE = os.environ.get("SIEGE") == "1"


class Server:
    """The app as it is served; what it wrote on standard error stays in `log`.

    Attributes: address: the same after a restart. folder: its data. process: None while it does not run.
    """

    def __init__(self, folder, **variables) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address, self.folder, self.log = f"http://127.0.0.1:{self._port}", folder / "data", folder / "server.log"
        self._environment = os.environ | {"PLANNER_DATA": str(self.folder)} | variables
        self.process = None

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "app/serve.py", "--server.port", str(self._port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        wait_until_healthy(self.address, self.process)

    def kill(self) -> None:
        """As the kernel does where memory runs out: at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def memory_mib(self) -> float:
        """What the process has of the machine's memory now."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


@contextmanager
def serving(folder, **variables):
    """A server that runs until the end of the block."""
    server = Server(folder, **variables)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for the tests of a file, with small bounds on uploads."""
    bounds = {"PLANNER_UPLOAD_MB": "4", "PLANNER_VISITOR_UPLOADS_MB": "8", "PLANNER_SERVER_UPLOADS_MB": "12"}
    with serving(tmp_path_factory.mktemp("server"), **bounds) as found:
        yield found


@pytest.fixture(scope="session")
def sample():
    """The query of a page that comes to rest at once."""
    return simple_sample()
