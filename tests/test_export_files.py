"""Exports say what is lost, keep names safe, and put every replica where the placement has it."""

import json
import re
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.export import TARGETS, export_placement
from planner.export.layout import lay_out, wait_s
from planner.export.names import MAX_LABEL, one_line, safe_names
from planner.export.vllm_commands import DEVICE_SHARE
from simulator import Cluster, Group, InputError, Model, Placement, Schedule, serving_preset, simulate
from simulator.workload import Workload
from tests.cases import CONFIGURATIONS, profile
from tests.export_cases import CLUSTER, HOSTILE, MODELS, NAMES, SERVING, SHARED, SMALL_NODES, SPANNING

# Engine arguments of docs.vllm.ai, "vllm serve" and "Parallelism and Scaling".
VLLM_FLAGS = {
    "--served-model-name", "--pipeline-parallel-size", "--tensor-parallel-size", "--max-num-seqs",
    "--gpu-memory-utilization", "--port", "--nnodes", "--node-rank", "--master-addr", "--master-port", "--headless",
}  # fmt: skip


def exported(target, placement=SHARED, cluster=CLUSTER, serving=SERVING):
    return export_placement(placement, MODELS, cluster, serving, target)


def vllm_commands(script):
    """(devices, model folder, flags) of every command of a node's script."""
    commands = []
    for statement in re.split(r" &\n", script):
        found = re.search(r"^CUDA_VISIBLE_DEVICES=.*", statement, re.MULTILINE | re.DOTALL)
        if found:
            words = shlex.split(found[0].replace("\\\n", " "))
            assert words[1:3] == ["vllm", "serve"]
            flags = {}
            for word in words[4:]:
                if word.startswith("--"):
                    last, _, value = word.partition("=")
                    flags[last] = value
                else:
                    flags[last] = word
            commands.append((words[0].partition("=")[2], words[3], flags))
    return commands


@pytest.mark.parametrize("target", ["ray", "vllm", "kubernetes", "triton"])
def test_every_export_names_what_is_lost_and_what_was_assumed(target):
    for name, text in exported(target).items():
        if name != "routes.json":
            lines = text.splitlines()
            head = "\n".join(line for line in lines[: lines.index(next(x for x in lines[1:] if x[:1] != "#"))])
            assert "The simulation assumed:" in head and "first-come first-served" in head
            assert "does otherwise:" in head and "admission" in head
            assert "Groups 0, 2, 4:" in head


def test_a_placement_without_shared_groups_does_not_speak_of_them():
    alone = Placement((Group(1, 1, (NAMES[0],)), Group(2, 1, (NAMES[1],))))
    for target in ("ray", "vllm", "kubernetes", "triton"):
        assert not re.search(r"Groups? \d", "".join(exported(target, alone).values())), target


def test_models_that_no_group_holds_are_named():
    files = exported("ray", Placement((Group(1, 1, (NAMES[0],)),)))
    assert f"Not placed, so not in here: {one_line(', '.join(NAMES[1:]))}." in files["serve.yaml"]


@pytest.mark.parametrize("target", TARGETS)
def test_exports_are_pure_and_their_file_names_stay_inside_the_folder(target):
    files = exported(target)
    assert files == exported(target)
    assert all(re.fullmatch(r"[a-z0-9_.-]+(/[a-z0-9_.-]+)*", name) and ".." not in name for name in files)


@pytest.mark.parametrize("target", TARGETS)
def test_a_schedule_is_refused_with_a_sentence(target):
    schedule = Schedule(((0.0, SHARED), (5.0, SPANNING)), "replanned")
    with pytest.raises(InputError, match=r"'replanned' changes over time \(2 placements\).*export one epoch\."):
        exported(target, schedule)


def test_what_cannot_be_exported_is_refused_with_a_sentence():
    with pytest.raises(InputError, match="export target is 'helm'; ray, vllm, kubernetes, triton, json are allowed"):
        exported("helm")
    with pytest.raises(InputError, match="uses 14 devices; the cluster has 3"):
        exported("json", cluster=Cluster(3))
    with pytest.raises(InputError, match="holds no model; at least one replica"):
        exported("json", Placement((Group(2, 1),), "empty"))
    with pytest.raises(InputError, match="Group 1 spans nodes 0 and 1; a Triton server runs models on one node only"):
        exported("triton", SPANNING, SMALL_NODES)


@given(st.lists(st.text(min_size=1, max_size=120), min_size=1, max_size=30, unique=True))
def test_labels_are_dns_1123_and_never_collide(names):
    labels = safe_names(names)
    assert len(set(labels.values())) == len(names)
    for label in labels.values():
        assert len(label) <= MAX_LABEL and re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", label)


@given(st.text(max_size=200))
def test_a_comment_stays_on_its_line(text):
    assert len(("x" + one_line(text)).splitlines()) == 1


def test_shell_scripts_are_valid_and_run_nothing_but_their_commands(tmp_path):
    files = exported("vllm", SPANNING, SMALL_NODES)
    assert sorted(files) == ["node-0.sh", "node-1.sh", "routes.json"]
    tool = tmp_path / "vllm"
    # The first that ends takes the others along, so each waits until all have begun.
    tool.write_text(
        '#!/bin/bash\nprintf "%s\\0" "$CUDA_VISIBLE_DEVICES" "$@" > "$LOG/$$"\n'
        'while set -- "$LOG"/*; [ $# -lt "$ENGINES" ]; do sleep 0.01; done\n'
    )
    tool.chmod(0o755)
    for name in ("node-0.sh", "node-1.sh"):
        (tmp_path / name).write_text(files[name])
        log = tmp_path / f"{name}.log"
        log.mkdir()
        engines = str(len(vllm_commands(files[name])))
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log), "NODE_0_HOST": "10.0.0.1"}
        environment["ENGINES"] = engines
        subprocess.run(["bash", tmp_path / name], env=environment, check=True, timeout=20)
        seen = [path.read_bytes().decode().split("\0")[:-1] for path in log.iterdir()]
        assert len(seen) == len(vllm_commands(files[name]))
        assert any(f"--served-model-name={HOSTILE}" in words for words in seen)


def test_vllm_flags_are_documented_and_match_the_placement():
    commands = vllm_commands(exported("vllm")["node-0.sh"])
    assert len(commands) == SHARED.replicas
    assert all(set(flags) <= VLLM_FLAGS for _, _, flags in commands)
    held = [
        (group.pp, group.tp, name, first)
        for group, first in zip(SHARED.groups, (0, 4, 5, 6, 8, 12), strict=True)
        for name in group.models
    ]
    for (devices, _, flags), (pp, tp, name, first) in zip(commands, held, strict=True):
        assert flags["--served-model-name"] == name
        assert (flags["--pipeline-parallel-size"], flags["--tensor-parallel-size"]) == (str(pp), str(tp))
        assert devices == ",".join(str(first + i) for i in range(pp * tp))
    assert len({flags["--port"] for _, _, flags in commands}) == len(commands)


def test_a_group_that_spans_nodes_starts_equal_parts_with_one_leader():
    files = exported("vllm", SPANNING, SMALL_NODES)
    parts = [c for name in ("node-0.sh", "node-1.sh") for c in vllm_commands(files[name]) if "--nnodes" in c[2]]
    parts = [part for part in parts if part[2]["--served-model-name"] == NAMES[1]]
    assert [devices for devices, _, _ in parts] == ["3", "0", "1", "2"]
    assert [flags["--node-rank"] for _, _, flags in parts] == ["0", "1", "2", "3"]
    assert ["--headless" in flags for _, _, flags in parts] == [False, True, True, True]
    assert len({(flags["--master-addr"], flags["--master-port"]) for _, _, flags in parts}) == 1
    assert "NODE_0_HOST:?" in files["node-1.sh"]


def test_routes_lead_to_every_group_of_a_model():
    routes = json.loads(exported("vllm")["routes.json"])
    assert set(routes) == set(NAMES)
    counts = {name: sum(name in group.models for group in SHARED.groups) for name in NAMES}
    assert {name: len(urls) for name, urls in routes.items()} == counts
    assert all(re.fullmatch(r"http://\$\{NODE_\d+_HOST\}:\d+/v1", url) for urls in routes.values() for url in urls)


def test_engines_on_a_device_never_take_more_than_their_share_of_memory():
    taken = {}
    for devices, _, flags in vllm_commands(exported("vllm")["node-0.sh"]):
        for device in devices.split(","):
            taken[device] = taken.get(device, 0.0) + float(flags["--gpu-memory-utilization"])
    assert 0.8 < max(taken.values()) <= DEVICE_SHARE + 1e-9


def test_json_has_devices_memory_and_sources():
    document = json.loads(exported("json")["placement.json"])
    assert [group["index"] for group in document["groups"]] == [0, 1, 2, 3, 4]
    places = [(d["node"], d["device"]) for group in document["groups"] for d in group["devices"]]
    assert places == [(0, i) for i in range(12)]
    assert document["groups"][0]["devices"][0]["weight_gib"] == pytest.approx(3 * 2.0 / 4)
    assert document["groups"][4]["devices"][3] == {
        "node": 0, "device": 11, "stage": 1, "tensor_rank": 1, "weight_gib": pytest.approx(1.0)
    }  # fmt: skip
    assert {r["source"] for group in document["groups"] for r in group["replicas"]} == {"measured"}
    assert [model["slo_s"] for model in document["models"]] == [None, 2.0, 2.0, 2.0, 2.0]
    assert [model["groups"] for model in document["models"]][:2] == [[0, 3], [0, 4]]
    assert document["serving"]["dispatch"] == "shortest_queue"


@settings(max_examples=25)
@given(st.sampled_from(CONFIGURATIONS), st.sampled_from(["testbed", "published"]), st.floats(0.3, 3.0))
def test_a_request_that_finds_the_longest_wait_is_just_admitted(shape, preset, slo_s):
    """The wait that exports give as timeout is what the simulator's admission allows."""
    serving = serving_preset(preset, start_delay_s=0.0)
    model = Model("m", profile(0.2), slo_s)
    busy = Model("busy", profile(slo_s, configurations=CONFIGURATIONS), 1e6)
    placement = Placement((Group(*shape, ("m", "busy")),))
    layout = lay_out(placement, (model, busy), Cluster(8), serving)
    longest_s = wait_s(layout, model, layout.groups[0])
    # Stages of equal length: a request at time 0 keeps the first stage busy for one stage of `busy`.
    stage_s = busy.profile.entry(*shape).stage_latency_s[0] * serving.stage_factor(shape[0])
    own_s = model.profile.entry(*shape).stage_latency_s[0] * serving.stage_factor(shape[0])
    if longest_s <= 0 or stage_s <= longest_s or own_s >= stage_s:
        return
    # Behind a slower request the pipeline delays stage after stage, so the wait is counted at the last stage.
    blocked_s = shape[0] * stage_s - (shape[0] - 1) * own_s
    for early, admitted in ((-1e-6, True), (1e-6, False)):
        arrival_s = blocked_s - longest_s - early
        if arrival_s <= 0:
            return
        workload = Workload([0.0, arrival_s], [1, 0], 2)
        result = simulate((model, busy), placement, workload, serving)
        assert bool(result.ran[1]) is admitted
