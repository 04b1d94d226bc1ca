"""Wrong options of the what-if commands give one sentence and status 2; outputs are whole or not there."""

import json
from pathlib import Path

import pytest

from planner import load_scenario
from tests.test_command_line import run, run_json, scenario  # noqa: F401

WRONG = [
    (("plan", "--seed", "-1"), "--seed"),
    (("plan", "--seed", "one"), "--seed"),
    (("plan", "--time-limit", "inf"), "--time-limit"),
    (("plan", "--time-limit", "nan"), "--time-limit"),
    (("plan", "--time-limit", "0"), "--time-limit"),
    (("plan", "--algorithm", "magic"), "magic"),
    (("sweep", "--over", "devices=8,x"), "--over"),
    (("sweep", "--over", "devices"), "--over"),
    (("sweep", "--over", "devices=1,,2"), "--over"),
    (("sweep", "--over", "rate_scale=nan"), "finite"),
    (("sweep", "--over", "devices=0,-3,2.5"), "No point can be computed"),
    (("sweep", "--over", "devices=2", "--target", "2"), "--target"),
    (("sweep", "--over", "devices=2", "--time-limit", "nan"), "--time-limit"),
    (("sweep", "--over", "devices=2", "--algorithm", "magic"), "magic"),
    (("sweep", "--over", "rate_scale=" + ",".join(map(str, range(1, 1100)))), "at most 2 000"),
    (("capacity", "--target", "nan"), "--target"),
    (("capacity", "--target", "0"), "--target"),
    (("capacity", "--devices", "0-4"), "--devices"),
    (("capacity", "--devices", "8-"), "--devices"),
    (("capacity", "--devices", "nan"), "--devices"),
    (("capacity", "--devices", "9-3"), "lowest <= highest"),
    (("capacity", "--step", "0"), "--step"),
    (("capacity", "--time-limit", "-inf"), "--time-limit"),
    (("capacity", "--algorithm", "magic"), "magic"),
    (("capacity", "--times", "17"), "--times"),
    (("capacity", "--spare", "rack"), "--spare"),
    (("capacity", "--growth", "-5"), "--growth"),
    (("capacity", "--growth", "5", "--present", "0"), "--present"),
]


@pytest.mark.parametrize(("command", "words"), WRONG, ids=lambda value: " ".join(value)[:40])
@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_wrong_option_gives_one_sentence(capsys, scenario, command, words, json_too):  # noqa: F811
    name, *options = command
    options = [options[0] + "=" + options[1], *options[2:]] if options[1].startswith("-") else options
    status, out, err = run(capsys, name, scenario, *options, *json_too)
    last = err.strip().splitlines()[-1]
    assert (status, out) == (2, "")
    assert last.startswith("Error: ") and words in last and "Traceback" not in err


def test_an_algorithm_named_twice_is_one(capsys, scenario):  # noqa: F811
    document = run_json(capsys, "capacity", scenario, "--algorithm", "uniform", "uniform", "--devices", "1-8")
    assert [plan["name"] for plan in document["plans"]] == ["uniform"]


def test_a_sweep_with_an_impossible_point_prints_the_others_and_the_reason(capsys, scenario):  # noqa: F811
    status, out, _ = run(capsys, "sweep", scenario, "--over", "devices=0,4")
    assert status == 0 and "devices 0: devices=0; numbers above 0" in out
    row = next(line for line in out.splitlines() if line.startswith("0 "))
    assert row.split() == ["0", "-", "-"]


@pytest.mark.parametrize("command", ["plan", "simulate"])
def test_an_output_that_cannot_be_written_leaves_nothing(capsys, scenario, tmp_path, command):  # noqa: F811
    option = {"plan": "--out", "simulate": "--requests"}[command]
    ending = {"plan": ".yaml", "simulate": ".csv"}[command]
    folder = tmp_path / f"folder{ending}"
    folder.mkdir()
    for name in (tmp_path / "none" / f"x{ending}", folder):
        status, out, err = run(capsys, command, scenario, option, name)
        assert (status, out) == (2, "") and option in err
    full = tmp_path / f"full{ending}"
    full.symlink_to("/dev/full")
    status, out, err = run(capsys, command, scenario, option, full)
    # The figures are printed all the same: only the file is missing.
    assert status == 2 and "deadlines met" in out and "No space left" in err
    assert Path("/dev/full").is_char_device() and not list(tmp_path.glob(".*part"))


def test_a_failed_write_keeps_the_file_that_was_there(capsys, scenario, tmp_path, monkeypatch):  # noqa: F811
    out = tmp_path / "r.csv"
    out.write_text("old\n")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pandas.DataFrame.to_csv", full)
    status, _, err = run(capsys, "simulate", scenario, "--requests", out)
    assert status == 2 and "No space left" in err
    assert out.read_text() == "old\n" and not list(tmp_path.glob(".*part"))


@pytest.mark.parametrize("paths", ["t.csv", "[t.csv, sub/u.csv]"])
def test_a_plan_written_to_another_folder_reads_the_same_files(capsys, tmp_path, paths):
    (tmp_path / "sub").mkdir()
    (tmp_path / "elsewhere").mkdir()
    rows = "arrival_s,model\n" + "".join(f"{i / 5},m{i % 2}\n" for i in range(100))
    (tmp_path / "t.csv").write_text(rows)
    (tmp_path / "sub" / "u.csv").write_text(rows)
    run(capsys, "profile", "bert-1.3b", "--max-pp", "2", "--max-tp", "1", "--out", tmp_path / "p.json")
    catalogue = json.loads((tmp_path / "p.json").read_text())
    (tmp_path / "p.json").write_text(json.dumps({"mine": catalogue["bert-1.3b"]}))
    file = tmp_path / "s.yaml"
    file.write_text(
        "version: 1\ncluster: {devices: 2}\nprofiles: p.json\n"
        "models: [{name: m0, profile: mine, slo_scale: 5}, {name: m1, profile: mine, slo_scale: 5}]\n"
        f"workload: {{trace: {{path: {paths}}}}}\n"
        "placements: [{name: p, search: {algorithm: selective_replication}}]\n"
    )
    out = tmp_path / "elsewhere" / "new.yaml"
    planned = run_json(capsys, "plan", file, "--out", out)["placements"][0]
    again = run_json(capsys, "simulate", out)["placements"][0]
    assert again["slo_attainment"] == planned["slo_attainment"] and again["requests"] == planned["requests"]
    assert load_scenario(out).profiles == "../p.json"
