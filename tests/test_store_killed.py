"""A process that is killed in the middle of a save takes nothing with it that it had said to be kept."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.store import new_workspace_id
from tests.store_cases import sql_store

KILLS, ROOT = 8, Path(__file__).parent.parent
# Saves two parts and a file that belong together, again and again, and says each one when it is done.
WRITER = """
import sys
from pathlib import Path
from app.store import Part
from tests.store_cases import sql_store

store, workspace, number = sql_store(Path(sys.argv[1]), sys.argv[4] or None), sys.argv[2], int(sys.argv[3])
revision = store.load(workspace).revision
while True:
    number += 1
    digest = store.put_blob(str(number).encode() * 50_000)
    parts = {"a": Part([number] * 2_000), "b": Part(number, (digest,))}
    revision = store.save(workspace, parts, revision).revision
    if number % 5 == 0:
        store.add_version(workspace, str(number))
    if number % 7 == 0:
        store.collect_garbage()
    print(number, flush=True)
"""


def test_killed_at_random_moments_nothing_is_lost_or_torn(tmp_path, database_url):
    store, workspace, draw = sql_store(tmp_path, database_url), new_workspace_id(), random.Random(7)
    store.create(workspace)
    said = 0
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(tmp_path), workspace, str(said), database_url or ""]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout.readline(), "the writer did not begin"
            time.sleep(draw.uniform(0, 0.3))
            writer.send_signal(signal.SIGKILL)
            lines = writer.stdout.read().split()
        said = max([said + 1, *map(int, lines)])
        loaded = store.load(workspace)
        number = loaded.parts["b"].document
        # One more may have been kept before it could be said.
        assert number in (said, said + 1)
        assert loaded.parts["a"].document == [number] * 2_000
        assert store.get_blob(workspace, loaded.parts["b"].blobs[0]) == str(number).encode() * 50_000
        said = number
    for version in store.versions(workspace):
        part = store.read_version(workspace, version.number)["b"]
        assert str(part.document) == version.name
        assert store.get_blob(workspace, part.blobs[0]) == version.name.encode() * 50_000
    if database_url is not None:
        return
    with store.database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
