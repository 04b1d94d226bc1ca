"""What whoever runs a server sets: every variable stands in the table, and a wrong one is named in one sentence."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings, read_settings
from simulator import InputError

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "docs" / "deployment.md").read_text()
NUMBERS = {f.alias: f for f in Settings.model_fields.values() if f.annotation is int}


@pytest.mark.parametrize("name", NUMBERS)
def test_the_table_says_the_bounds_and_the_default(name):
    _, _, allowed, default = re.search(rf"^\| `({name})` \| (.*) \| (.*) \| (.*) \|$", TABLE, re.MULTILINE).groups()
    low, high = map(int, allowed.split(" to "))
    assert getattr(read_settings({}), _field(name)) == int(default)
    for inside in (low, high):
        assert getattr(read_settings({name: str(inside)}), _field(name)) == inside
    for outside in (low - 1, high + 1):
        with pytest.raises(InputError, match=rf"The variable {name} is '{outside}'; .* is allowed"):
            read_settings({name: str(outside)})


@pytest.mark.parametrize("value", ["-1", "1e3", "many", "1.5"])
def test_what_is_no_number_is_named(value):
    with pytest.raises(InputError, match=rf"The variable PLANNER_MODELS is '{value}'; .* allowed"):
        read_settings({"PLANNER_MODELS": value})


def test_names_of_the_server_are_a_list_without_ports():
    assert read_settings({"PLANNER_HOSTS": "Planner.example.com, 10.0.0.7"}).hosts == (
        "planner.example.com",
        "10.0.0.7",
    )
    for wrong in ("https://planner.example.com", "planner.example.com:443", "a b", "*", "a,,b"):
        with pytest.raises(InputError, match="The variable PLANNER_HOSTS is '.*'; a list of names without ports"):
            read_settings({"PLANNER_HOSTS": wrong})


def test_what_is_empty_is_not_given():
    assert read_settings({"PLANNER_DEVICES": "", "DATABASE_URL": ""}) == read_settings({})


def test_limits_hold_and_are_said_on_the_page():
    code = (
        "from app.state import limits\nfrom app.state.first_scenario import first_scenario\n"
        "print(limits.BOUNDS_IN_WORDS)\nlimits.check_cluster(first_scenario())"
    )
    asked = os.environ | {"PLANNER_DEVICES": "8", "PLANNER_UPLOAD_MB": "20"}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=asked, capture_output=True, text=True)
    assert "20 MB" in run.stdout and "8 devices" in run.stdout
    assert "cluster.devices is 16; at most 8 are allowed on this page." in run.stderr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PLANNER_WORKERS", "0", "PLANNER_WORKERS is '0'; "),
        ("PLANNER_CLUSTER", "here", "The cluster is 'here'; tcp://"),
    ],
)
def test_what_the_planner_reads_for_itself_is_looked_at_too(name, value, says):
    code = "from app import settings\nprint(settings.PROBLEM)"
    asked = os.environ | {name: value}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=asked, capture_output=True, text=True)
    assert run.stdout.startswith(says), run.stdout


def test_a_server_with_a_wrong_variable_says_so_and_nothing_else():
    asked = os.environ | {"PLANNER_REQUESTS": "lots"}
    warm_up = [sys.executable, "-m", "app.background.warm_up"]
    run = subprocess.run(warm_up, cwd=ROOT, env=asked, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.startswith("The variable PLANNER_REQUESTS is 'lots'; ")
    assert "Traceback" not in run.stderr
    code = (
        "from streamlit.testing.v1 import AppTest\npage = AppTest.from_file('app/main.py', default_timeout=60).run()\n"
        "print([e.value for e in page.error], len(page.main), list(page.exception))"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=asked, capture_output=True, text=True).stdout
    assert shown.startswith("[\"The variable PLANNER\\\\_REQUESTS is 'lots'") and shown.endswith(" 1 []\n"), shown


def _field(name):
    return next(field for field, info in Settings.model_fields.items() if info.alias == name)
