"""Exports are valid where they go: Kubernetes' schemas, Triton's protobuf, Ray Serve's config schema."""

import importlib.util
import itertools
import warnings
from pathlib import Path

import jsonschema
import pytest
import yaml

from planner.export import export_placement
from simulator import serving_preset
from tests.export_cases import CLUSTER, HOSTILE, MODELS, NAMES, SERVING, SHARED, SMALL_NODES, SPANNING

CASES = [(SHARED, CLUSTER), (SPANNING, SMALL_NODES)]
KUBERNETES_VERSION = "1.37"
TYPES = {"integer": lambda **more: {"type": "integer", **more}, "number": {"type": "number", "minimum": 0}}


def closed(required, **properties):
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


# Ray 2.60, docs.ray.io: ServeDeploySchema, ServeApplicationSchema, DeploymentSchema, RayActorOptionsSchema; the keys
# that an export may use. Ray itself lets unknown keys pass, this does not.
RAY_DEPLOYMENT = closed(
    ["name"],
    name={"type": "string"},
    num_replicas=TYPES["integer"](exclusiveMinimum=0),
    max_ongoing_requests=TYPES["integer"](exclusiveMinimum=0),
    max_queued_requests=TYPES["integer"](minimum=-1),
    user_config={"type": "object"},
    ray_actor_options=closed([], num_cpus=TYPES["number"], num_gpus=TYPES["number"]),
    placement_group_bundles={"type": "array", "minItems": 1, "items": {"additionalProperties": TYPES["number"]}},
    placement_group_strategy={"enum": ["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"]},
)
RAY_SCHEMA = closed(
    ["applications"],
    proxy_location={"enum": ["Disabled", "HeadOnly", "EveryNode"]},
    http_options=closed([], host={"type": "string"}, port=TYPES["integer"](minimum=1, maximum=65535)),
    applications={
        "type": "array",
        "items": closed(
            ["import_path"],
            name={"type": "string"},
            route_prefix={"type": "string", "pattern": "^/"},
            import_path={"type": "string", "pattern": r"^[\w.]+:\w+$"},
            deployments={"type": "array", "items": RAY_DEPLOYMENT},
        ),
    },
)


def documents(target, placement, cluster, serving=SERVING):
    files = export_placement(placement, MODELS, cluster, serving, target)
    return [d for text in files.values() for d in yaml.safe_load_all(text)]


def triton_messages(placement=SHARED, serving=SERVING):
    """(path, ModelConfig) of every file, parsed by the protobuf of tritonclient."""
    text_format = pytest.importorskip("google.protobuf.text_format", reason="protobuf is not installed")
    found = importlib.util.find_spec("tritonclient")
    if found is None:
        pytest.skip("tritonclient is not installed")
    # Beside the package's own door, which needs gRPC.
    file = Path(found.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", file)
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    files = export_placement(placement, MODELS, CLUSTER, serving, "triton")
    return {path: text_format.Parse(text, module.ModelConfig()) for path, text in files.items()}


@pytest.mark.parametrize(("placement", "cluster"), CASES)
def test_manifests_are_valid_by_the_schemas_of_kubernetes(placement, cluster):
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    manifests = documents("kubernetes", placement, cluster)
    for manifest in manifests:
        validator.validate(manifest, KUBERNETES_VERSION, strict=True)
    assert {m["kind"] for m in manifests} == {"Deployment", "Service"}
    names = [(m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(set(names)) == len(names) and all(len(name) <= 63 for _, name in names)


def test_the_schemas_of_kubernetes_refuse_a_wrong_manifest():
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    manifest = documents("kubernetes", SHARED, CLUSTER)[0]
    manifest["spec"]["template"]["spec"]["containers"][0]["gpus"] = 4
    with pytest.raises(validator.ValidationError):
        validator.validate(manifest, KUBERNETES_VERSION, strict=True)


@pytest.mark.parametrize(("placement", "cluster"), CASES)
def test_pods_ask_for_the_devices_of_their_groups(placement, cluster):
    asked = {}
    for manifest in documents("kubernetes", placement, cluster):
        if manifest["kind"] == "Deployment":
            group = int(manifest["metadata"]["labels"]["model-placement/group"])
            container = manifest["spec"]["template"]["spec"]["containers"][0]
            asked[group] = asked.get(group, 0) + int(container["resources"]["limits"]["nvidia.com/gpu"])
    assert asked == {i: group.devices for i, group in enumerate(placement.groups) if group.models}


@pytest.mark.parametrize(("placement", "cluster"), CASES)
def test_a_service_reaches_exactly_the_groups_that_hold_its_model(placement, cluster):
    manifests = documents("kubernetes", placement, cluster)
    pods = [m["spec"]["template"] for m in manifests if m["kind"] == "Deployment"]
    services = [m for m in manifests if m["kind"] == "Service" and m["metadata"]["name"].startswith("model-")]
    held = [name for name in NAMES if any(name in group.models for group in placement.groups)]
    assert len(services) == len(held)
    for service, name in zip(services, held, strict=True):
        selector, port = service["spec"]["selector"], service["spec"]["ports"][0]["targetPort"]
        reached = [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]
        groups = [int(pod["metadata"]["labels"]["model-placement/group"]) for pod in reached]
        assert groups == [i for i, group in enumerate(placement.groups) if name in group.models]
        for pod in reached:
            container = pod["spec"]["containers"][0]
            assert {"containerPort": port} in container["ports"]
            assert f"--port {port}" in container["command"][2]


def test_kubernetes_does_not_read_variables_in_names():
    script = documents("kubernetes", SHARED, CLUSTER)[0]["spec"]["template"]["spec"]["containers"][0]["command"][2]
    assert "$$(rm)" in script and script.count("$(") == script.count("$$(")


@pytest.mark.parametrize("serving", [SERVING, serving_preset("testbed", max_batch_size=8, admission="none")])
def test_triton_configurations_parse_and_are_named_after_their_folders(serving):
    messages = triton_messages(serving=serving)
    assert all(path == f"node-0/{message.name}/config.pbtxt" for path, message in messages.items())
    assert all(message.max_batch_size == serving.max_batch_size for message in messages.values())
    timeouts = [m.dynamic_batching.default_queue_policy.default_timeout_microseconds for m in messages.values()]
    assert any(timeouts) == (serving.admission == "deadline")


def test_triton_instances_stand_on_the_devices_of_their_stages():
    messages = triton_messages()
    # The pipeline of four stages, then the model on two single devices, then the shared stages of two devices.
    first = [messages[f"node-0/search-ads_g0_s{stage}/config.pbtxt"].instance_group[0] for stage in (1, 2, 3, 4)]
    assert [list(group.gpus) for group in first] == [[0], [1], [2], [3]]
    assert all(group.kind == group.KIND_GPU for group in first)
    assert list(messages["node-0/model/config.pbtxt"].instance_group[0].gpus) == [4, 5]
    wide = messages["node-0/search-ads-2_g4_s2/config.pbtxt"]
    assert wide.instance_group[0].kind == wide.instance_group[0].KIND_MODEL
    assert wide.parameters["gpus"].string_value == "10,11"


def test_triton_ensembles_chain_their_stages_from_input_to_output():
    messages = triton_messages()
    steps = messages["node-0/search-ads_g0/config.pbtxt"].ensemble_scheduling.step
    assert len(steps) == 4
    assert dict(steps[0].input_map) == {"INPUT": "INPUT"} and dict(steps[-1].output_map) == {"OUTPUT": "OUTPUT"}
    for before, after in itertools.pairwise(steps):
        assert list(before.output_map.values()) == list(after.input_map.values())
    for step in steps:
        stage = messages[f"node-0/{step.model_name}/config.pbtxt"]
        assert [tensor.name for tensor in stage.input] == list(step.input_map)
        assert [tensor.name for tensor in stage.output] == list(step.output_map)


def test_triton_drops_what_has_waited_longer_than_its_deadline_allows():
    messages = triton_messages()
    policy = messages["node-0/model/config.pbtxt"].dynamic_batching.default_queue_policy
    assert policy.timeout_action == policy.REJECT
    # 2 s less 0.4 s x 1.009 of running, 5 ms of delays and 4 ms of margin.
    assert policy.default_timeout_microseconds == pytest.approx(1e6 * (2 - 0.4 * 1.009 - 0.005 - 0.004), abs=1)
    endless = messages["node-0/search-ads_g0_s1/config.pbtxt"].dynamic_batching.default_queue_policy
    assert endless.default_timeout_microseconds == 0


@pytest.mark.parametrize(("placement", "cluster"), CASES)
def test_the_serve_config_is_valid_by_its_documented_schema(placement, cluster):
    (config,) = documents("ray", placement, cluster)
    jsonschema.validate(config, RAY_SCHEMA)
    deployments = config["applications"][0]["deployments"]
    devices = [sum(bundle["GPU"] for bundle in d["placement_group_bundles"]) for d in deployments]
    assert devices == [group.devices for group in placement.groups if group.models]
    for deployment in deployments:
        # The replica itself runs in the first bundle, so it must fit in.
        assert deployment["ray_actor_options"]["num_cpus"] <= deployment["placement_group_bundles"][0]["CPU"]
    named = [m["name"] for d in deployments for m in d["user_config"]["models"]]
    assert named == [name for group in placement.groups for name in group.models]
    assert HOSTILE in named


def test_the_serve_config_is_valid_by_ray_itself():
    schema = pytest.importorskip("ray.serve.schema", reason="ray[serve] is too large to be installed for a test")
    (config,) = documents("ray", SHARED, CLUSTER)
    parsed = schema.ServeDeploySchema.model_validate(config)
    for given, read in zip(config["applications"][0]["deployments"], parsed.applications[0].deployments, strict=True):
        assert set(given) <= set(type(read).model_fields)
        assert read.placement_group_bundles == given["placement_group_bundles"]
