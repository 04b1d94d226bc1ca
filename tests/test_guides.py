"""The guides say what is so: their commands run, their files exist, their numbers come out."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from streamlit.testing.v1 import AppTest

from app.guides import TITLES, guide
from planner.__main__ import main
from planner.version import VERSION
from simulator import Group, Model, Placement, Serving, Workload, simulate
from simulator.catalogue import builtin_catalogue

ROOT = Path(__file__).parent.parent
# Each command, and what the tutorial says that one sees then.
COMMANDS = re.findall(r"python -m planner ([^\n]+)\n```\n(?:\nYou see (.+?)\n\n)?", guide("tutorial"), re.DOTALL)


@pytest.mark.parametrize(("command", "seen"), COMMANDS)
def test_every_command_of_the_tutorial_runs_and_says_what_it_promises(command, seen, tmp_path, monkeypatch, capsys):
    (tmp_path / "first.yaml").write_text(re.search(r"```yaml\n(.*?)```", guide("tutorial"), re.DOTALL)[1])
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said and all(" ".join(quoted.split()) in said for quoted in re.findall(r"`(.+?)`", seen, re.DOTALL))


def test_the_tutorial_promises_figures_of_three_commands():
    assert sum(bool(seen) for _, seen in COMMANDS) == 3 and len(COMMANDS) == 5


def test_the_request_of_the_guide_ends_when_it_says():
    profile = builtin_catalogue()["bert-1.3b"]
    model = Model.with_slo_scale("m", profile, 5)
    workload = Workload(np.array([0.0]), np.array([0]), 1)
    result = simulate([model], Placement((Group(1, 1, ("m",)),)), workload, Serving())
    text = guide("request")
    assert f"{1000 * float(result.finish_s[0]):.3f} ms | The last stage ends" in text
    stage_ms = 1000 * profile.entry(1, 1).latency_s * 1.009
    assert f"{stage_ms:.3f} ms here" in text and f"{5 + stage_ms:.3f} ms, and adds a margin of 4 ms" in text
    assert f"its deadline is 5 times that, {1000 * model.slo_s:.0f} ms" in text


@pytest.mark.parametrize("name", TITLES)
def test_files_that_a_guide_names_exist(name):
    for path in re.findall(r"`((?:planner|simulator|app|tests|docs)/[\w/]+\.\w+)`", guide(name)):
        assert (ROOT / path).exists(), path


def test_names_that_the_guide_to_extending_uses_are_there():
    for name, path in (("ALGORITHMS", "planner/search/registry.py"), ("_TARGETS", "planner/export/export.py"),
                       ("FORMATS", "simulator/traces/trace.py"), ("_TABLES", "simulator/traces/detect.py"),
                       ("class ClusterLayout", "planner/export/layout.py"),
                       ("def offer", "planner/search/run.py")):  # fmt: skip
        assert name in (ROOT / path).read_text(encoding="utf-8")


def test_the_citation_is_of_this_version():
    assert VERSION in guide("cite")
    assert str(yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"]) == VERSION


def test_the_page_shows_every_guide():
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120).run()
    at.switch_page("views/guide.py").run()
    for name, title in TITLES.items():
        at.session_state["session"].views.guide.chosen.value = name
        at.run()
        assert not at.exception and title in [header.value for header in at.header]
