"""The command line gives the documents of the design, and one sentence with status 2 for wrong input."""

import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from planner import compare, load_scenario
from planner.__main__ import main

ROOT = Path(__file__).parent.parent
SCENARIO = """\
version: 1
name: small
cluster: {devices: 4, usd_per_device_hour: 2}
models: [{name: "m{i}", profile: bert-1.3b, count: 3, slo_scale: 5}]
workload: {gamma: {total_rate_per_s: 20, cv: 3, duration_s: 60}}
placements:
  - name: shared
    groups: [{pp: 4, models: [m0, m1, m2]}]
  - name: replicated
    search: {algorithm: selective_replication}
"""


@pytest.fixture
def scenario(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(SCENARIO)
    return file


def run(capsys, *arguments):
    status = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def run_json(capsys, *arguments):
    status, out, _ = run(capsys, *arguments, "--json")
    assert status == 0
    return json.loads(out)


def test_simulate_prints_the_document_of_the_design(capsys, scenario):
    document = run_json(capsys, "simulate", scenario)
    assert document["scenario"] == "small"
    assert [p["name"] for p in document["placements"]] == ["shared", "replicated"]
    for placement in document["placements"]:
        assert {"name", "slo_attainment", "requests", "served", "late", "rejected", "unplaced", "goodput_per_s",
                "latency_s", "models", "groups"} <= set(placement)  # fmt: skip
        assert set(placement["latency_s"]) == {"mean", "p50", "p90", "p95", "p99"}
        assert {"name", "requests", "slo_attainment"} <= set(placement["models"][0])
        assert {"index", "pp", "tp", "models", "requests", "served", "utilization", "mean_queue",
                "max_queue"} <= set(placement["groups"][0])  # fmt: skip
        assert placement["slo_attainment"] == placement["served"] / placement["requests"]


def test_simulate_and_python_give_the_same(capsys, scenario):
    printed = run_json(capsys, "simulate", scenario, "--placement", "shared")
    assert printed == json.loads(json.dumps(compare(load_scenario(scenario), only="shared").to_json()))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_requests_are_written_one_row_each(capsys, scenario, tmp_path, ending):
    out = tmp_path / f"requests.{ending}"
    document = run_json(capsys, "simulate", scenario, "--requests", out)
    table = pd.read_csv(out) if ending == "csv" else pd.read_parquet(out)
    assert list(table.columns) == ["placement", "arrival_s", "model", "group", "start_s", "finish_s", "status"]
    for placement in document["placements"]:
        rows = table[table.placement == placement["name"]]
        assert len(rows) == placement["requests"]
        assert (rows.status == "served").sum() == placement["served"]
    assert table.start_s.isna().equals(table.status.isin(["rejected", "unplaced"]))
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def test_one_placement_can_be_chosen(capsys, scenario):
    document = run_json(capsys, "simulate", scenario, "--placement", "shared")
    assert [p["name"] for p in document["placements"]] == ["shared"]
    status, _, err = run(capsys, "simulate", scenario, "--placement", "nobody")
    assert status == 2 and "shared, replicated" in err


def test_plan_fills_the_found_placements_in(capsys, scenario, tmp_path):
    out = tmp_path / "new.yaml"
    document = run_json(capsys, "plan", scenario, "--out", out)
    (placement,) = document["placements"]
    assert {"algorithm", "seconds", "evaluations", "stop_reason"} <= set(placement["search"])
    assert placement["slo_attainment"] <= placement["search"]["bound"] <= 1
    assert all({"pp", "tp", "models"} == set(group) for group in placement["groups"])
    planned = load_scenario(out)
    assert [p.name for p in planned.placements] == ["shared", "replicated"]
    assert planned.placements[1].search is None
    again = run_json(capsys, "simulate", out)
    assert again["placements"][1]["slo_attainment"] == placement["slo_attainment"]


def test_plan_takes_another_algorithm(capsys, scenario):
    document = run_json(capsys, "plan", scenario, "--algorithm", "round_robin")
    assert document["placements"][0]["search"]["algorithm"] == "round_robin"


def test_plan_tightens_the_bound_when_asked(capsys, scenario):
    quick = run_json(capsys, "plan", scenario)["placements"][0]
    tight = run_json(capsys, "plan", scenario, "--bound-seconds", "0.5")["placements"][0]
    assert tight["slo_attainment"] <= tight["search"]["bound"] <= quick["search"]["bound"]
    assert tight["search"]["bound_reason"]
    status, _, err = run(capsys, "plan", scenario, "--bound-seconds", "-1")
    assert status == 2 and "--bound-seconds is '-1'; a number above 0" in err


def test_sweep_and_capacity_find_where_the_target_is_reached(capsys, scenario):
    document = run_json(capsys, "sweep", scenario, "--over", "devices=2,4,8", "--target", "0.9")
    found = {c["placement"]: c["devices"] for c in document["crossings"]}
    assert len(document["points"]) == 6
    plans = run_json(capsys, "capacity", scenario, "--target", "0.9", "--devices", "1-16")["plans"]
    (plan,) = plans
    assert plan["devices"] <= found["replicated"]
    tried = {t["devices"]: t["slo_attainment"] for t in plan["tried"]}
    assert tried[plan["devices"]] >= 0.9
    assert tried[plan["devices"] - 1] < 0.9
    assert plan["usd_per_hour"] == 2 * plan["devices"]
    assert plan["headroom_rate_scale"] >= 1
    assert {f["what"] for f in plan["faults"]} == {"device", "node"}


def test_capacity_says_what_more_traffic_takes_and_from_which_day_on(capsys, scenario):
    asked = ("capacity", scenario, "--target", "0.6", "--devices", "1-8", "--growth", "10", "--times", "3")
    document = run_json(capsys, *asked)
    growth = document["growth"]
    assert growth["bears_rate_scale"] < growth["fails_rate_scale"]
    tried = {t["rate_scale"]: t["slo_attainment"] for t in growth["tried"]}
    assert tried[growth["bears_rate_scale"]] >= 0.6 > tried[growth["fails_rate_scale"]]
    assert growth["lasts_until"] < growth["short_from"] and growth["percent_per_month"] == 10
    status, out, _ = run(capsys, *asked)
    assert status == 0 and all(sentence in out for sentence in growth["sentences"])
    assert f"3 times the traffic needs {growth['needed']['devices']} devices" in out
    more = run_json(capsys, *asked[:6], "--times", "3", "--present", "8")["growth"]
    assert more["devices"] == 8 and more["bears_rate_scale"] > growth["bears_rate_scale"]
    assert "lasts_until" not in more and "growth" not in run_json(capsys, *asked[:6])


def test_capacity_finds_the_devices_that_bear_a_loss_and_what_all_costs(capsys, scenario):
    text = SCENARIO.replace("{devices: 4,", "{devices: 4, devices_per_node: 2, spot_usd_per_device_hour: 0.5,")
    scenario.write_text(text)
    asked = ("capacity", scenario, "--target", "0.9", "--devices", "1-16", "--spare", "node", "device", "--whole-nodes")
    document = run_json(capsys, *asked)
    spare, plan = document["spare"], document["plans"][0]
    for what in ("node", "device"):
        found = spare[what]
        assert found["devices"] >= plan["devices"] and found["devices"] % 2 == 0
        assert found[f"slo_attainment_without_worst_{what}"] >= 0.9
    assert plan["devices"] % 2 == 0 and all(tried["devices"] % 2 == 0 for tried in plan["tried"])
    costs = {row["question"]: row for row in document["costs"]}
    assert costs["90\u00a0% after any node is lost"]["usd_per_hour"]["spot"] == 0.5 * spare["node"]["devices"]
    status, out, _ = run(capsys, *asked)
    assert status == 0 and all(spare[what]["sentence"] in out for what in spare)
    assert "Spot devices may be taken back" in out and "spot, USD/month" in out
    for wrong, says in ((("--step", "2"), "--step is '2'"), (("--devices", "1-1"), "no whole number of nodes")):
        status, _, err = run(capsys, "capacity", scenario, "--whole-nodes", *wrong)
        assert status == 2 and says in err


def test_trace_prints_the_document_of_the_design(capsys):
    document = run_json(capsys, "trace", "sample:bursty")
    assert set(document) == {"format", "requests", "span_s", "rate_per_s", "cv", "peak_to_mean", "sources"}
    assert sum(s["requests"] for s in document["sources"]) == document["requests"]
    assert run_json(capsys, "trace", "sample:steady")["cv"] is None


def test_profile_writes_a_catalogue_that_a_scenario_reads(capsys, scenario, tmp_path):
    out = tmp_path / "p.json"
    document = run_json(capsys, "profile", "bert-1.3b", "--max-pp", "2", "--max-tp", "1", "--out", out)
    assert [(c["pp"], c["tp"]) for c in document["configurations"]] == [(1, 1), (2, 1)]
    catalogue = json.loads(out.read_text())
    out.write_text(json.dumps({"mine": catalogue["bert-1.3b"]}))
    scenario.write_text(SCENARIO.replace("bert-1.3b", "mine").replace("pp: 4", "pp: 2") + "profiles: p.json\n")
    assert run_json(capsys, "simulate", scenario, "--placement", "shared")["placements"][0]["served"] > 0


def test_validate_prints_the_error_table(capsys, tmp_path):
    runs = tmp_path / "few.csv"
    lines = (ROOT / "planner" / "evidence" / "published_runs.csv").read_text().splitlines()
    runs.write_text("\n".join([lines[0], *lines[1:4], *lines[-2:]]))
    document = run_json(capsys, "validate", "--published", runs)
    assert all(abs(row["error"]) < 0.02 for row in document["runs"])
    status, out, _ = run(capsys, "validate", "--published", runs)
    assert status == 0 and "max |error|" in out


BAD_TRACES = {
    "empty.csv": b"",
    "header.csv": b"arrival_s,model\n",
    "unknown.csv": b"when;who\n1;a\n",
    "durations.csv": b"HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0\n"
    b"a,b,c,1,2,3,4,5\n",
    "text.csv": b"arrival_s,model\n1,a\nsoon,b\n",
    "negative.csv": b"arrival_s,model\n-1,a\n",
    "nan.csv": b"arrival_s,model\nnan,a\n",
    "image.png": b"\x89PNG\r\n\x1a\n" + bytes(50),
}


@pytest.mark.parametrize("name", BAD_TRACES)
@pytest.mark.parametrize("command", ["trace", "simulate"])
def test_a_bad_trace_gives_one_sentence(capsys, tmp_path, name, command):
    (tmp_path / name).write_bytes(BAD_TRACES[name])
    target = tmp_path / name
    if command == "simulate":
        target = tmp_path / "s.yaml"
        target.write_text(
            SCENARIO.replace("gamma: {total_rate_per_s: 20, cv: 3, duration_s: 60}", f"trace: {{path: {name}}}")
        )
    status, out, err = run(capsys, command, target)
    assert (status, out) == (2, "")
    assert name in err and err.count("\n") == 1 and "Traceback" not in err


def test_a_zip_and_a_missing_file_give_one_sentence(capsys, tmp_path):
    archive = tmp_path / "trace.csv"
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("a.csv", "arrival_s,model\n1,a\n")
    for path in (archive, tmp_path / "none.csv", tmp_path):
        status, out, err = run(capsys, "trace", path)
        assert (status, out) == (2, "") and err.count("\n") == 1


def test_unsorted_times_are_sorted_with_a_notice(capsys, tmp_path):
    (tmp_path / "t.csv").write_text("arrival_s,model\n2,a\n1,a\n")
    status, _, err = run(capsys, "trace", tmp_path / "t.csv")
    assert status == 0 and "sorted" in err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("devices: 4,", "gpus: 4,", "cluster.gpus"),
        ("pp: 4,", "pp: 8,", "uses 8 devices; the cluster has 4"),
        ("bert-1.3b, count: 3", "bert-104b, count: 3", "bert-104b"),
        ("pp: 4,", "pp: 3,", "no entry"),
        ("[m0, m1, m2]", "[m0, m9]", "'m9' is not known"),
        ("[m0, m1, m2]", "[m0, m0]", "twice"),
        ("selective_replication", "magic", "magic"),
        ("selective_replication", "selective_replication, zeal: 3", "zeal"),
        ("placements:", "serving: {warp: 1}\nplacements:", "serving.warp"),
    ],
)  # fmt: skip
def test_a_scenario_that_cannot_be_gives_one_sentence(capsys, scenario, old, new, words):
    assert old in SCENARIO
    scenario.write_text(SCENARIO.replace(old, new))
    status, out, err = run(capsys, "simulate", scenario)
    assert (status, out) == (2, "")
    assert words in err and err.count("\n") == 1


def test_too_much_memory_names_the_group(capsys, scenario):
    text = SCENARIO.replace("count: 3", "count: 30").replace("[m0, m1, m2]", str([f"m{i}" for i in range(30)]))
    scenario.write_text(text)
    status, _, err = run(capsys, "simulate", scenario, "--placement", "shared")
    assert status == 2 and "group 0" in err and "13 GiB" in err


@pytest.mark.parametrize("option", ["out.txt", "nowhere/out.csv"])
def test_requests_that_cannot_be_written_are_refused_before_the_work(capsys, scenario, option):
    status, _, err = run(capsys, "simulate", scenario, "--requests", option)
    assert status == 2 and "--requests" in err


def test_interrupting_a_search_prints_what_was_found(scenario, tmp_path):
    scenario.write_text(
        SCENARIO.replace("selective_replication", "alpaserve, time_limit_s: 600").replace(
            "duration_s: 60", "duration_s: 2000"
        )
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "planner", "plan", str(scenario), "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    started = time.monotonic()
    while not re.search(r"[1-9][\d,]* placements tried, best (?!0\.0)", process.stderr.readline()):
        assert process.poll() is None, "the search ended before it could be interrupted"
        assert time.monotonic() - started < 300
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    (placement,) = json.loads(out)["placements"]
    assert placement["search"]["stop_reason"] == "cancelled" and placement["served"] > 0
