"""A server that is asked to end keeps the best of what runs; its log says what ended and not what was asked."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.background import jobs as jobs_module
from app.background.jobs import Job, Lane
from app.store import new_workspace_id
from simulator import Cancelled, InputError
from tests.store_cases import sql_store

ROOT = Path(__file__).parent.parent
# A search that is far from its end, in a process that ends as a server does: by leaving its main thread, or, as
# app/serve.py, at once, after it has waited for what is kept.
SERVER = """
import os, signal, sys, time
from pathlib import Path
from app.state.keeping import Keeper, end_keeping
from app.state.kept import Keeping
from app.state.results import answer_of
from app.state.session import Session
from planner.scenario.schema import PlacementSection
from tests.store_cases import sql_store
from tests.test_app_workspace import small

ends = {"leaves": lambda *_: sys.exit(0), "waits": lambda *_: (end_keeping(), os._exit(0))}
signal.signal(signal.SIGTERM, ends[sys.argv[3]])
session = Session(keeping=Keeping(workspace=sys.argv[2]))
options = {"algorithm": "refine", "max_evaluations": 1_000_000}
small(session, PlacementSection(name="Long", search=options))
keeper = Keeper(sql_store(Path(sys.argv[1])))
session.keeping.due_s = float("inf")
keeper.watch(session)
keeper.start()
while not any(job.progress and job.progress.placement for job in session.jobs.unfinished()):
    answer_of(session)
    time.sleep(0.05)
print("runs", flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("end", ["leaves", "waits"])
def test_asked_to_end_the_server_keeps_the_best_so_far_and_ends(tmp_path, end):
    workspace = new_workspace_id()
    command = [sys.executable, "-c", SERVER, str(tmp_path), workspace, end]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "runs\n"
            server.send_signal(signal.SIGTERM)
            assert server.wait(120) == 0
        finally:
            server.kill()
    parts = sql_store(tmp_path).load(workspace).parts
    files = {digest for part in parts.values() for digest in part.blobs}
    kept = [json.loads(sql_store(tmp_path).get_blob(workspace, digest)) for digest in files]
    assert [document["search"]["stop_reason"] for document in kept if "search" in document] == ["cancelled"]


@pytest.mark.parametrize(
    ("raised", "end"),
    [
        (None, "done"),
        (InputError("secret"), "refused"),
        (Cancelled("secret"), "stopped"),
        (KeyError("secret"), "failed"),
    ],
)
def test_a_job_leaves_one_line_without_content(monkeypatch, raised, end):
    def work(_job):
        if raised is not None:
            raise raised
        return "secret"

    lines = []
    monkeypatch.setattr(jobs_module.jobs_log, "info", lines.append)
    Job("secret", work, "secret", Lane.QUICK).run()
    (line,) = lines
    said = json.loads(line)
    assert said.keys() == {"lane", "waited_s", "took_s", "end"}
    assert (said["lane"], said["end"]) == ("quick", end) and "secret" not in line
