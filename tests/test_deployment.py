"""The files of a deployment fit each other and the house. No image is built here: that takes a base image."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from app.settings import ADVICE

ROOT = Path(__file__).parent.parent
IMAGE = (ROOT / "Containerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCUMENT = (ROOT / "docs" / "deployment.md").read_text()


def test_the_image_copies_what_is_there_and_all_that_runs():
    copied = {word for line in re.findall(r"^COPY (.*)$", IMAGE, re.MULTILINE) for word in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    assert copied >= {"app", "planner", "simulator", "sample_traces", ".streamlit"}
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not copied & set(ignored)


def test_the_image_runs_as_nobody_special_and_compiles_the_kernels_as_the_same_user():
    user, compiled = IMAGE.index("\nUSER planner"), IMAGE.index("app.background.warm_up")
    assert user < compiled < IMAGE.index("\nCMD [")
    for instruction in re.findall(r"^\s*(?:CMD|ENTRYPOINT) (\[.*\])$", IMAGE, re.MULTILINE):
        assert all(isinstance(word, str) for word in json.loads(instruction))
    assert not re.search(r"^(FROM|.*image:).*:latest", IMAGE, re.MULTILINE)


@pytest.mark.parametrize(
    ("prefix", "path"), [("", ""), ("planner", "planner/"), ("/planner", "planner/"), ("/a/b/", "a/b/")]
)
def test_the_image_asks_for_its_health_below_the_prefix(prefix, path, monkeypatch):
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", asked.append)
    monkeypatch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", prefix)
    (command,) = re.findall(r"^HEALTHCHECK .*\n\s*CMD (\[.*\])$", IMAGE, re.MULTILINE)
    exec(json.loads(command)[-1], {})
    assert asked == [f"http://127.0.0.1:8501/{path}_stcore/health"]


def test_what_only_tests_need_is_cut_off_where_the_requirements_say_so():
    run, tests = (ROOT / "requirements.txt").read_text().split("# Tests only")
    assert "/^# Tests only/,$d" in IMAGE and "streamlit" in run and "pytest" in tests


def test_the_services_name_volumes_and_services_that_there_are():
    services = COMPOSE["services"]
    assert set(services) == {"app", "database", "scheduler", "worker"}
    named = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert named - {"${LOGIN_SECRETS"} == set(COMPOSE["volumes"])
    assert set(services["app"]["depends_on"]) <= set(services) and "healthcheck" in services["database"]
    assert "@database/planner" in services["app"]["environment"]["DATABASE_URL"]
    assert all("ports" not in services[name] for name in ("database", "scheduler", "worker"))
    assert all(services[name]["profiles"] == ["cluster"] for name in ("scheduler", "worker"))
    assert services["worker"]["depends_on"] == ["scheduler"]
    (address,) = [word for word in services["worker"]["command"] if word.startswith("tcp://")]
    assert address == f"tcp://scheduler:{services['scheduler']['command'][-2]}"
    assert services["worker"]["deploy"] == {"mode": "replicated", "replicas": 2}
    assert all(services[name]["healthcheck"] == {"disable": True} for name in ("scheduler", "worker"))
    ours = [services[name] for name in ("app", "scheduler", "worker")]
    assert all((ROOT / service["build"]["dockerfile"]).exists() for service in ours)
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in ours)


def test_every_limit_can_be_set_where_compose_is_started():
    passed = {name for name, value in COMPOSE["services"]["app"]["environment"].items() if value is None}
    table = set(re.findall(r"^\| `(PLANNER_\w+)` \|", DOCUMENT, re.MULTILINE))
    assert table and table | {ADVICE} == passed


@pytest.fixture(scope="module")
def compose():
    """What Compose makes of the file, with some variables set: exit status, what it read, what it says."""
    commands = [["docker-compose"]] if shutil.which("docker-compose") else []
    if shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        commands.insert(0, ["docker", "compose"])
    if not commands:
        pytest.skip("Compose is not there; install it with: sudo apt-get install docker-compose")

    def read(**variables):
        command = [*commands[0], "-f", str(ROOT / "compose.yaml"), "--profile", "cluster", "config"]
        run = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
        return run.returncode, yaml.safe_load(run.stdout), run.stderr

    return read


def test_compose_takes_the_file_and_passes_on_what_is_set(compose):
    status, read, _ = compose(POSTGRES_PASSWORD="sesame", PLANNER_DEVICES="8")
    environment = read["services"]["app"]["environment"]
    assert status == 0 and read["services"]["worker"]["deploy"]["replicas"] == 2
    assert environment["PLANNER_DEVICES"] == "8" and environment.get("PLANNER_MODELS") is None
    assert environment["DATABASE_URL"] == "postgresql://planner:sesame@database/planner"


def test_compose_asks_for_a_password(compose):
    status, _, says = compose(POSTGRES_PASSWORD="")
    assert status != 0 and "choose one" in says


def test_every_file_that_the_document_names_is_there():
    named = set(re.findall(r"`((?:[\w-]+\.(?:txt|yaml))|Containerfile|Procfile)`", DOCUMENT))
    assert named and all((ROOT / name).exists() for name in named)


def test_every_way_to_start_the_page_starts_the_server_that_compresses():
    for name in ("Makefile", "Procfile", "Containerfile"):
        text = (ROOT / name).read_text().replace('", "', " ")
        assert re.findall(r"streamlit run (\S+)", text) == ["app/serve.py"], name
