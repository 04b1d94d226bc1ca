"""Operators, costs and profiles of the parallelisation."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.parallelise import (
    Calibration,
    Measurement,
    build_operators,
    calibrate,
    load_architectures,
    load_hardware,
    parse_architecture,
    profile_command,
    profile_model,
)
from planner.parallelise.cost import collective_s, hop_s, operator_s
from planner.parallelise.operators import GIB, total_weight_bytes
from planner.parallelise.sharding import STRATEGIES, evaluate_stage
from simulator.catalogue import parse_catalogue
from simulator.errors import InputError

MODELS = load_architectures()
HARDWARE = load_hardware()
V100 = HARDWARE["v100-16gb"]


def small(**changes):
    description = {"name": "small", "layers": 4, "hidden": 512, "heads": 8, "ffn_width": 2048, "vocabulary": 8000}
    return parse_architecture(description | changes)


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("bert-1.3b", 1.313 + 0.105),
        ("bert-2.6b", 2.649 + 0.131),
        ("bert-6.7b", 6.654 + 0.21),
        ("moe-1.3b", 1.347 + 0.0246),
        ("moe-2.4b", 2.383 + 0.0328),
        ("moe-5.3b", 5.336 + 0.0492),
        ("llama-3.2-1b", 1.236),
        ("llama-3.1-8b", 8.030),
        ("llama-3.1-70b", 70.55),
        ("mixtral-8x7b", 46.70),
    ],
)
def test_a_shipped_model_has_its_published_number_of_parameters(name, billions):
    # Those of the paper are given without the untied head, which is added here.
    parameters = total_weight_bytes(build_operators(MODELS[name])) / MODELS[name].dtype_bytes
    assert parameters / 1e9 == pytest.approx(billions, rel=0.005)


def test_forward_operations_are_those_of_the_closed_form():
    a = MODELS["bert-1.3b"]
    s, h = a.sequence, a.hidden
    expected = 24 * s * h**2 * a.layers * (1 + s / (6 * h)) + 2 * s * h * a.vocabulary
    assert sum(op.flops for op in build_operators(a)) == pytest.approx(expected, rel=1e-9)


def test_the_chain_has_the_authors_grain():
    assert [len(build_operators(MODELS[name])) for name in ("bert-1.3b", "bert-2.6b", "moe-5.3b")] == [50, 66, 34]


def test_a_tied_head_is_held_once_on_one_stage_and_twice_on_several():
    tied = small(tied_head=True)
    table = tied.vocabulary * tied.hidden * tied.dtype_bytes
    once, twice = (total_weight_bytes(build_operators(tied, stages=stages)) for stages in (1, 2))
    assert twice - once == table


def test_fewer_key_and_value_heads_than_devices_are_copied():
    grouped = build_operators(small(kv_heads=2))[1]
    per_device = [grouped.weight_bytes_per_device("heads", ways) for ways in (2, 8)]
    keys_and_values = 2 * 64 * 512 * 2
    assert per_device[0] == pytest.approx(grouped.weight_bytes / 2, rel=0.01)
    assert per_device[1] > grouped.weight_bytes / 8 + 0.7 * keys_and_values


@given(
    layers=st.integers(1, 6),
    heads=st.sampled_from([2, 3, 8]),
    experts=st.sampled_from([0, 2, 8]),
    ways=st.sampled_from([2, 4, 8]),
    batch=st.integers(1, 4),
)
@settings(max_examples=60)
def test_splitting_an_operator_never_makes_its_work_or_weights_grow(layers, heads, experts, ways, batch):
    a = small(layers=layers, heads=heads, hidden=heads * 64, experts=experts, top_k=min(2, experts))
    for operator in set(build_operators(a, batch)):
        whole_s = operator_s(operator, None, 1, False, V100)
        for strategy in STRATEGIES[operator.kind]:
            if strategy.axis in dict(operator.units):
                assert operator_s(operator, strategy.axis, ways, False, V100) <= whole_s * (1 + 1e-12)
                held = operator.weight_bytes_per_device(strategy.axis, ways)
                assert operator.weight_bytes / ways * (1 - 1e-12) <= held <= operator.weight_bytes


@given(st.floats(1, 1e10), st.sampled_from([2, 4, 8, 16]))
@settings(max_examples=50)
def test_an_all_reduce_moves_what_a_reduce_scatter_and_an_all_gather_move(total_bytes, ways):
    parts = sum(collective_s(kind, total_bytes, ways, V100) for kind in ("reduce_scatter", "all_gather"))
    latency_s = V100.software.collective_s * np.log2(ways)
    assert collective_s("all_reduce", total_bytes, ways, V100) == pytest.approx(parts - latency_s)


def test_collectives_beyond_a_server_and_hops_between_servers_use_the_network():
    assert collective_s("all_reduce", 1e9, 16, V100) > 10 * collective_s("all_reduce", 1e9, 8, V100)
    assert hop_s(1e9, 4, True, V100) > 10 * hop_s(1e9, 4, False, V100)
    assert collective_s("all_reduce", 1e9, 1, V100) == 0


def test_a_stage_costs_the_sum_of_its_operators_collectives_and_gathers():
    chain = build_operators(small())[1:3]
    reduce_scatter = [STRATEGIES[op.kind][2] for op in chain]
    stage = evaluate_stage(chain, reduce_scatter, V100, 4)
    gather = collective_s("all_gather", chain[0].token_bytes, 4, V100)
    scatter = collective_s("reduce_scatter", chain[0].token_bytes, 4, V100)
    assert stage.communication_s == pytest.approx((scatter, gather + scatter))
    assert stage.compute_s[0] == operator_s(chain[0], "heads", 4, True, V100)


@pytest.fixture(scope="module")
def modelled():
    return profile_model(MODELS["bert-1.3b"], V100, 8, 4)


def test_a_profile_has_every_power_of_two_and_batch_size(modelled):
    assert set(modelled.profile.entries) == {(pp, tp) for pp in (1, 2, 4, 8) for tp in (1, 2, 4)}
    entry = modelled.profile.entry(4, 2)
    assert entry.source == "modelled"
    assert set(entry.batches) == {2, 4, 8, 16}


def test_latencies_grow_with_the_batch_and_weights_add_up_to_the_model(modelled):
    for (_, tp), entry in modelled.profile.entries.items():
        sums = [entry.latency_s, *(sum(stages) for stages in entry.batches.values())]
        assert sums == sorted(sums)
        total = sum(entry.stage_weight_gib) * tp
        assert total == pytest.approx(total_weight_bytes(modelled.operators) / GIB, rel=0.02)


def test_the_parts_of_a_plan_add_up_to_its_slowest_stage_times_the_stages(modelled):
    for plan in modelled.plans.values():
        parts = plan.compute_s() + plan.communication_s() + plan.imbalance_s()
        assert parts == pytest.approx(plan.pp * plan.slowest_s())
        assert plan.imbalance_s() >= -1e-12


def test_the_dynamic_program_is_never_slower_than_equal_layers(modelled):
    equal = profile_model(MODELS["bert-1.3b"], V100, 8, 4, (1,), cut="equal")
    for key, plan in equal.plans.items():
        assert modelled.plans[key].slowest_s() <= plan.slowest_s() * (1 + 2e-3)


def test_batches_whose_activations_do_not_fit_are_left_out():
    tight = V100.model_copy(update={"memory_gib": 4.5})
    assert 16 not in profile_model(MODELS["bert-1.3b"], tight, 1, 1).plans[1, 1].stages


def test_a_model_that_fits_no_single_device_gets_a_latency_alone_and_reasons_for_what_is_left_out():
    modelled = profile_model(MODELS["bert-104b"], V100, 16, 8, (1,))
    assert {(16, 1), (8, 2), (4, 4), (2, 8), (4, 8), (8, 4)} <= set(modelled.profile.entries)
    assert all(max(plan.weight_gib) <= 13 for plan in modelled.plans.values())
    assert modelled.profile.alone_s > modelled.plans[8, 2].latency_s()
    assert "13 GiB" in modelled.left_out[1, 1]


@pytest.mark.parametrize("device", sorted(HARDWARE))
@pytest.mark.parametrize("name", ["llama-3.1-8b", "mixtral-8x7b", "moe-1.3b"])
def test_every_kind_of_model_gets_a_profile_on_every_device(name, device):
    a = MODELS[name].model_copy(update={"dtype": "float16"})
    modelled = profile_model(a, HARDWARE[device], 8, 4, (1,))
    latencies = [plan.latency_s() for plan in modelled.plans.values()]
    assert 1e-4 < min(latencies) <= max(latencies) < 60


def test_devices_of_a_later_generation_are_faster():
    order = ["t4-16gb", "v100-16gb", "a100-80gb", "h100-80gb"]
    a = MODELS["llama-3.2-1b"].model_copy(update={"dtype": "float16"})
    latencies = [profile_model(a, HARDWARE[name], 1, 1, (1,)).plans[1, 1].latency_s() for name in order]
    assert latencies == sorted(latencies, reverse=True)


def test_a_device_without_a_rate_for_the_data_type_is_refused():
    with pytest.raises(InputError, match="no rate for bfloat16; its data types are float32, float16"):
        profile_model(MODELS["llama-3.2-1b"], V100, 1, 1, (1,))


def test_calibration_on_one_latency_meets_it_and_scales_computation_alone():
    measured = [Measurement(1, 1, 1, 0.2), Measurement(4, 1, 1, 0.25, fitted=False)]
    result = calibrate(MODELS["bert-1.3b"], V100, measured)
    assert result.checks[0].error == pytest.approx(0, abs=1e-9)
    assert result.calibration.communication == 1
    assert result.checks[1].error < 0


def test_calibration_recovers_factors_on_both_parts_from_several_latencies():
    truth = Calibration(1.3, 2.0)
    plans = profile_model(MODELS["bert-1.3b"], V100, 4, 4, (1,), truth).plans
    measured = [Measurement(pp, tp, 1, plans[pp, tp].latency_s()) for pp, tp in ((1, 1), (1, 2), (1, 4))]
    found = calibrate(MODELS["bert-1.3b"], V100, measured).calibration
    assert (found.compute, found.communication) == pytest.approx((1.3, 2.0), rel=1e-3)


@pytest.mark.parametrize(
    ("measured", "message"),
    [
        ([], "at least one is needed"),
        ([Measurement(1, 1, 1, 0.2, fitted=False)], "at least one is needed"),
        ([Measurement(60, 1, 1, 0.2)], "cannot be cut into 60 stages"),
    ],
)
def test_calibration_says_what_it_lacks(measured, message):
    with pytest.raises(InputError, match=message):
        calibrate(MODELS["bert-1.3b"], V100, measured)
    with pytest.raises(InputError, match="positive number"):
        Measurement(1, 1, 1, 0.0)


def test_the_document_of_a_profile_is_a_catalogue_and_its_stages_add_up():
    document = profile_command(MODELS["bert-1.3b"], V100, 4, 2, (1, 2), [Measurement(1, 1, 1, 0.151)])
    parsed = parse_catalogue(json.dumps(document["catalogue"]).encode(), "made.json")
    assert parsed["bert-1.3b"].entry(1, 1).latency_s == pytest.approx(0.151)
    for row in document["configurations"]:
        assert sum(stage["operators"] for stage in row["stages"]) == 50
        assert sum(stage["latency_s"] for stage in row["stages"]) == pytest.approx(row["latency_s"])
        assert row["stages"][0]["first"] == "embedding"
        assert row["stages"][-1]["last"] == "head"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_pp": 0}, "max_pp is 0"),
        ({"max_tp": 65}, "max_tp is 65"),
        ({"batches": (0,)}, "batches holds 0"),
        ({"cut": "random"}, "cut is 'random'; dynamic and equal are allowed"),
        ({"weight_memory_gib": 0.1}, "fits no configuration"),
    ],
)
def test_a_wrong_argument_is_named(change, message):
    with pytest.raises(InputError, match=message):
        profile_model(MODELS["bert-1.3b"], V100, **({"max_pp": 2, "max_tp": 1, "batches": (1,)} | change))
