"""The project as a package: one wheel, the same dependencies everywhere, an example that runs, a version."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from planner.__main__ import main
from planner.version import VERSION

ROOT = Path(__file__).parent.parent
DATA = (
    "simulator/catalogue.json",
    "planner/evidence/published_runs.csv",
    "planner/parallelise/hardware.json",
    "sample_traces/two_models.csv",
    "app/icon.svg",
    "app/main.py",
    "planner/scenario/examples/1-first.yaml",
)


def test_the_packages_that_are_needed_are_those_that_are_pinned():
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    run = (ROOT / "requirements.txt").read_text().split("# Tests only")[0]
    assert sorted(needed) == sorted(re.findall(r"^([\w-]+)>=", run, re.MULTILINE))


def test_what_an_extra_needs_is_what_its_file_pins():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    files = {path.stem.removeprefix("requirements-"): path for path in ROOT.glob("requirements-*.txt")}
    assert extras.keys() == files.keys()
    for name, needed in extras.items():
        assert sorted(needed) == sorted(re.findall(r"^([\w\[\]-]+)>=", files[name].read_text(), re.MULTILINE))


def test_the_package_and_its_command_have_the_name_that_the_readme_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (name,) = re.findall(r"`pip install \.` .*?`([\w-]+)`", (ROOT / "README.md").read_text())
    assert project["name"] == name and list(project["scripts"]) == [name]


def test_the_wheel_holds_the_packages_and_their_data(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "setuptools" in done.stderr and "No matching distribution" in done.stderr:
        pytest.skip("the build backend cannot be fetched here")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert f"-{VERSION}-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert set(DATA) <= names
        assert not [name for name in names if name.startswith(("tests/", "tools/", "benchmarks/"))]
        archive.extractall(tmp_path / "installed")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = "import sys; sys.path.insert(0, sys.argv[1]); from planner.__main__ import main; main(['--version'])"
    command = [sys.executable, "-c", code, str(tmp_path / "installed")]
    shown = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert shown.stdout == f"placement-planner {VERSION}\n", shown.stderr


def test_the_version_is_shown(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert VERSION in capsys.readouterr().out


def test_the_example_runs_and_finds_more_than_dedicated_devices_meet():
    command = [sys.executable, str(ROOT / "examples" / "python_api.py")]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    met = [float(share) for share in re.findall(r"([\d.]+)% of", done.stdout)]
    assert len(met) == 2 and met[1] > met[0]
