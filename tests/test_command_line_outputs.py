"""What happens outside of the program ends it with one sentence: full disks, Ctrl-C, a home without write access."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from planner.__main__ import main
from tests.test_command_line import run, scenario  # noqa: F401

ROOT = Path(__file__).parent.parent


def process(*arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "planner", *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE, text=True, **more
    )


def one_sentence(err):
    assert err.startswith("Error: ") and err.count("\n") == 1, err
    return err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "required: COMMAND"),
        (("nope",), "invalid choice: 'nope'"),
        (("simulate",), "required: SCENARIO.yaml"),
        (("simulate", "s.yaml", "--nope"), "unrecognized arguments: --nope"),
        (("plan", "--seed"), "--seed: expected one argument"),
        (("export", "s.yaml", "--to", "nope"), "argument --to: invalid choice: 'nope'"),
        (("export", "s.yaml", "--to", "json", "--epoch", "one"), "invalid int value: 'one'"),
        (("profile", "bert-1.3b", "--max-pp", "x"), "invalid int value: 'x'"),
        (("trace",), "required: FILE"),
    ],
)
def test_wrong_arguments_are_one_sentence_that_names_the_help(capsys, arguments, words):
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    out, err = capsys.readouterr()
    assert end.value.code == 2 and out == ""
    assert words in one_sentence(err) and "--help` lists" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("more", [("simulate",), ("simulate", "--json"), ("export", "--to", "json"), ("profile",)])
def test_a_full_standard_output_is_one_sentence(scenario, more, unbuffered):  # noqa: F811
    command, *options = more
    named = ("bert-1.3b",) if command == "profile" else (scenario, "--placement", "shared")
    with open("/dev/full", "w") as full:
        done = process(command, *named, *options, stdout=full, env=os.environ | {"PYTHONUNBUFFERED": unbuffered})
        err = done.communicate(timeout=120)[1]
    assert done.returncode == 2
    # What was said before tells of progress, where there was time for it.
    assert err.splitlines()[-1] == "Error: the output cannot be written: No space left on device."
    assert "Traceback" not in err


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc to see which files are open")
def test_ctrl_c_while_a_trace_is_read_ends_at_once(tmp_path):
    trace = tmp_path / "large.csv"
    trace.write_text("arrival_s,model\n" + "".join(f"{i / 1000},m{i % 7}\n" for i in range(3_000_000)))
    running = process("trace", trace, stdout=subprocess.PIPE)
    opened = Path(f"/proc/{running.pid}/fd")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        # It opens and closes others meanwhile.
        with suppress(FileNotFoundError):
            if str(trace) in (os.readlink(fd) for fd in opened.iterdir()):
                break
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "Interrupted.\n")


@pytest.mark.parametrize("where", ["planner.commands.simulate.load_scenario", "planner.commands.simulate.build_inputs"])
def test_ctrl_c_while_reading_is_status_130(capsys, scenario, monkeypatch, where):  # noqa: F811
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    assert run(capsys, "simulate", scenario) == (130, "", "Interrupted.\n")


def test_a_home_that_cannot_be_written_changes_nothing(scenario, tmp_path):  # noqa: F811
    figures = []
    for home in (tmp_path, "/proc/none"):
        environment = os.environ | {"HOME": str(home), "XDG_CACHE_HOME": str(home)}
        done = process("simulate", scenario, "--placement", "shared", "--json", stdout=subprocess.PIPE, env=environment)
        out, err = done.communicate(timeout=120)
        assert done.returncode == 0 and "Traceback" not in err
        figures.append(json.loads(out))
    assert figures[0] == figures[1]


def test_a_profile_is_written_whole_or_not_at_all(capsys, tmp_path, monkeypatch):
    out = tmp_path / "p.json"
    out.write_text("old\n")
    real = Path.write_text

    def fills_the_disk(path, text, **more):
        real(path, text[:10], **more)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fills_the_disk)
    status, printed, err = run(capsys, "profile", "bert-1.3b", "--max-pp", "1", "--max-tp", "1", "--out", out)
    assert status == 2 and "No space left on device" in one_sentence(err) and "bert-1.3b on" in printed
    assert out.read_text() == "old\n" and os.listdir(tmp_path) == ["p.json"]
    status, printed, err = run(capsys, "profile", "bert-1.3b", "--out", tmp_path / "none" / "p.json")
    assert (status, printed) == (2, "") and "the folder" in one_sentence(err)


def test_an_export_is_written_whole_or_not_at_all(capsys, scenario, tmp_path, monkeypatch):  # noqa: F811
    out, real = tmp_path / "out", Path.write_text
    out.mkdir()
    (out / "routes.json").write_text("old\n")

    def fills_the_disk(path, text, **more):
        if "routes" in path.name:
            raise OSError(28, "No space left on device")
        return real(path, text, **more)

    monkeypatch.setattr(Path, "write_text", fills_the_disk)
    status, _, err = run(capsys, "export", scenario, "--placement", "shared", "--to", "vllm", "--out", out)
    assert status == 2 and "routes.json' cannot be written: No space left" in err.splitlines()[-1]
    assert os.listdir(out) == ["routes.json"] and (out / "routes.json").read_text() == "old\n"
