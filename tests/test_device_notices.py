"""Profiles of one device on a cluster of another, unusual memory, and heads that cannot be shared are said."""

from planner import build_inputs, parse_scenario
from planner.parallelise import load_architectures, load_hardware, profile_model

TEXT = """\
version: 1
cluster: {devices: 8, device: %s, memory_gib: %s}
models: [{name: m, profile: bert-1.3b, slo_scale: 5}]
workload: {gamma: {total_rate_per_s: 4, cv: 2, duration_s: 20}}
"""


def notices(device, memory_gib):
    return build_inputs(parse_scenario(TEXT % (device, memory_gib))).notices


def test_a_profile_of_another_device_and_unusual_memory_are_said():
    assert notices("v100-16gb", 13) == ()
    other = next(d for name, d in load_hardware().items() if name.startswith("h100"))
    assert notices(other.name, other.weight_memory_gib) == (
        f"cluster.device is {other.name}, but the latencies of bert-1.3b are those of v100-16gb; the device's name "
        "changes no figure.",
    )
    assert notices("v100-16gb", 40) == ("cluster.memory_gib is 40; a v100-16gb has about 13 GiB for weights.",)


def test_tensor_degrees_divide_the_heads():
    shipped = next(iter(load_architectures().values()))
    odd = shipped.model_copy(update={"heads": 28, "kv_heads": 4, "head_width": 128})
    made = profile_model(odd, load_hardware()["v100-16gb"], max_pp=1, max_tp=8, batches=(1,))
    assert {tp for _, tp in made.plans} <= {1, 2, 4}
    assert "28 heads (4 of keys) cannot be shared equally by 8 devices" in made.left_out[1, 8]
