"""The command `export`: from a scenario file to files of a serving system."""

import json
import os
import stat

import pytest
import yaml

from planner.__main__ import main
from planner.commands.export import write_files
from simulator import InputError

SCENARIO = """\
version: 1
cluster: {devices: 4, devices_per_node: 2}
models: [{name: "m{i}", profile: bert-1.3b, count: 2, slo_scale: 5}]
workload: {gamma: {total_rate_per_s: 4, cv: 2, duration_s: 20}}
placements:
- {name: by hand, groups: [{pp: 2, models: [m0, m1]}, {models: [m0]}]}
- {name: found, search: {algorithm: selective_replication}}
- name: over time
  schedule: [{start_s: 0, groups: [{models: [m0]}]}, {start_s: 10, groups: [{models: [m1]}]}]
"""


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO)
    return str(path)


def failing(capsys, *arguments):
    assert main(["export", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Error: ") and err.count("\n") == 1
    return err


def test_one_file_goes_to_the_screen(scenario, capsys):
    assert main(["export", scenario, "--placement", "by hand", "--to", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["name"] == "by hand" and len(document["groups"]) == 2


def test_one_file_is_written_where_asked(scenario, tmp_path):
    assert main(["export", scenario, "--placement", "by hand", "--to", "ray", "--out", str(tmp_path / "my.yaml")]) == 0
    assert yaml.safe_load((tmp_path / "my.yaml").read_text())["applications"]
    assert main(["export", scenario, "--placement", "by hand", "--to", "ray", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "serve.yaml").read_text() == (tmp_path / "my.yaml").read_text()


def test_several_files_are_written_into_a_folder_and_scripts_can_be_run(scenario, tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert main(["export", scenario, "--placement", "by hand", "--to", "vllm", "--out", str(out)]) == 0
    assert sorted(os.listdir(out)) == ["node-0.sh", "node-1.sh", "routes.json"]
    assert (out / "node-0.sh").stat().st_mode & stat.S_IXUSR
    assert str(out / "node-0.sh") in capsys.readouterr().err
    assert main(["export", scenario, "--placement", "by hand", "--to", "triton", "--out", str(out)]) == 0
    assert (out / "node-0" / "m0_g0" / "config.pbtxt").is_file()


def test_a_searched_placement_is_found_first(scenario, capsys):
    assert main(["export", scenario, "--placement", "found", "--to", "json"]) == 0
    groups = json.loads(capsys.readouterr().out)["groups"]
    assert len(groups) == 4 and all((group["pp"], group["tp"]) == (1, 1) for group in groups)


def test_one_epoch_of_a_schedule_can_be_exported(scenario, capsys):
    assert main(["export", scenario, "--placement", "over time", "--epoch", "1", "--to", "json"]) == 0
    assert [g["models"] for g in json.loads(capsys.readouterr().out)["groups"]] == [["m1"]]


def test_what_is_wrong_is_said_in_one_sentence(scenario, tmp_path, capsys):
    assert "--placement is needed" in failing(capsys, scenario, "--to", "ray")
    assert "no placement 'x'; it has by hand, found" in failing(capsys, scenario, "--placement", "x", "--to", "ray")
    hand, over = ("--placement", "by hand"), ("--placement", "over time")
    assert "name a folder for them with --out" in failing(capsys, scenario, *hand, "--to", "vllm")
    assert "does not change over time" in failing(capsys, scenario, *hand, "--epoch", "0", "--to", "json")
    assert "from 0 to 1 are allowed" in failing(capsys, scenario, *over, "--epoch", "2", "--to", "json")
    assert "export one epoch" in failing(capsys, scenario, *over, "--to", "json")
    (tmp_path / "file").write_text("")
    where = str(tmp_path / "file" / "inside.yaml")
    assert "cannot be written" in failing(capsys, scenario, *hand, "--to", "ray", "--out", where)
    assert sorted(os.listdir(tmp_path)) == ["file", "scenario.yaml"]


def test_where_one_of_several_files_cannot_appear_none_does(tmp_path):
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(InputError, match=r"b\.txt' is a folder"):
        write_files({"a.txt": "a", "b.txt": "b", "c.txt": "c"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]
