"""What a hostile visitor sends ends in one sentence: too much at once, bombs, paths of the server, guesses."""

import gzip
import hashlib
import io
import secrets
import zlib
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.state.limits import MAX_UPLOAD_BYTES
from app.state.uploads import Uploads
from app.store import StoreError
from app.store.contract import new_workspace_id, read_only_id
from planner.scenario.file import parse_scenario
from planner.scenario.link import MAX_TOKEN_CHARACTERS, TOKEN_PREFIX, decode_scenario
from simulator import InputError, words
from tests.store_cases import sql_store

SCENARIO = """version: 1
models: [{name: m, profile: bert-1.3b, slo_scale: 3}]
cluster: {devices: 1}
workload: {trace: {path: "PATH"}}
"""


def refused(files):
    """The sentence with which an upload is refused."""
    with pytest.raises(InputError) as error:
        Uploads().add_trace(files)
    sentence = str(error.value)
    assert len(sentence) < 1_000 and "Traceback" not in sentence
    return sentence


def test_five_uploads_of_200_mb_at_once_are_all_refused():
    nothing = bytes(MAX_UPLOAD_BYTES)
    assert "at most 200 MB are allowed" in refused([(f"{i}.csv", nothing) for i in range(5)])
    with ThreadPoolExecutor(5) as pool:
        assert len(list(pool.map(refused, [[(f"{i}.csv", nothing)] for i in range(5)]))) == 5


def test_a_gzip_bomb_is_refused_at_the_bound():
    bomb = gzip.compress(b"1.25,a-model-with-a-name\n" * (12 * 1024**2), compresslevel=1)
    assert len(bomb) < MAX_UPLOAD_BYTES / 20
    assert "unpacks to more than 200 MiB" in refused([("bomb.csv.gz", bomb)])


def test_a_parquet_bomb_is_refused_by_its_rows():
    rows = 12_000_000
    table = pa.table(
        {"arrival_s": np.zeros(rows), "model": pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["a"])}
    )
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    assert len(file.getvalue()) < 1024**2
    assert words.count(10_000_000) in refused([("bomb.parquet", file.getvalue())])


def test_a_link_that_unpacks_to_much_is_refused_at_the_bound():
    token = TOKEN_PREFIX + urlsafe_b64encode(zlib.compress(bytes(3 * 1024**2), 9)).decode().rstrip("=")
    assert len(token) < MAX_TOKEN_CHARACTERS
    with pytest.raises(InputError, match=f"unpacks to more than {words.count(1024**2)} bytes"):
        decode_scenario(token)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../../../etc/passwd", "sample:/etc/passwd", "sample:../../../../etc/passwd", "file:///etc/passwd",
     "/proc/self/environ", "http://127.0.0.1:8501/", "sample:../requirements.txt", "/dev/zero", "nul\\u0000byte"],
)  # fmt: skip
def test_no_path_of_a_scenario_opens_a_file_of_the_server(path):
    with pytest.raises(InputError) as error:
        Uploads().read_trace(parse_scenario(SCENARIO.replace("PATH", path)))
    assert "root:" not in str(error.value) and "streamlit" not in str(error.value)


def test_no_guess_opens_a_workspace_and_who_may_read_may_not_write(tmp_path):
    store, mine = sql_store(tmp_path), new_workspace_id()
    store.create(mine)
    reading = read_only_id(mine)
    guesses = (
        [str(n) for n in range(50)] + [f"{n:032d}" for n in range(50)] + ["", "..", "../x", "%", "_", "' OR 1=1 --"]
    )
    guesses += [hashlib.sha256(str(n).encode()).hexdigest()[:32] for n in range(50)]
    guesses += [mine[:-1] + c for c in "abcAB-_9" if mine[-1] != c] + [mine.swapcase(), mine[::-1], reading[::-1]]
    guesses += [
        read_only_id(reading),
        hashlib.sha256(mine.encode()).hexdigest(),
        *(secrets.token_urlsafe(24) for _ in range(50)),
    ]
    for guess in guesses:
        with pytest.raises(StoreError):
            store.load(guess)
    for address in (reading, *guesses[:5]):
        with pytest.raises(StoreError):
            store.delete(address)
    assert store.load(mine).parts == store.load(reading).parts == {}
