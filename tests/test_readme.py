"""The README's first scenario does what the README says."""

import re
from pathlib import Path

from app.figures.accuracy import published_title
from planner.__main__ import main
from planner.commands.parser import COMMANDS
from planner.evidence.replays import known_replays
from planner.search import ALGORITHMS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_first_scenario_prints_what_is_shown(capsys, tmp_path):
    scenario = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1]
    shown = re.search(r"\nprints\n\n```\n(.*?)```", README, re.DOTALL)[1]
    (tmp_path / "first.yaml").write_text(scenario)
    assert main(["simulate", str(tmp_path / "first.yaml")]) == 0
    assert capsys.readouterr().out == shown


def test_the_errors_against_published_runs_are_those_of_the_page_accuracy():
    shown = re.findall(r"[\d.]*\d", published_title(known_replays()))
    readme = re.search(r"replays (\d+) runs that .*?error ([\d.]+) points.*?largest ([\d.]+)\) and (\d+) that .*?"
                       r"mean ([\d.]+), largest ([\d.]+)\)", README, re.DOTALL)  # fmt: skip
    assert list(readme.groups()) == shown


def test_every_command_is_listed():
    listed = set(re.findall(r"^\| `(\w+)", README, re.MULTILINE))
    assert set(COMMANDS) <= listed


def test_the_tutorial_calls_the_searches_as_the_pages_do():
    tutorial = (Path(__file__).parent.parent / "app" / "guides" / "tutorial.md").read_text(encoding="utf-8")
    assert f"so there it is called {ALGORITHMS['selective_replication'].title}." in tutorial
    assert "AlpaServe on 8 devices" in tutorial and ALGORITHMS["alpaserve"].title == "AlpaServe"
