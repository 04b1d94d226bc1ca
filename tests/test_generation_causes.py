"""Why requests of generating models are late: one case for each cause, in which nothing else can be it."""

import pytest

from app.look.causes import causes_in_words
from planner.generation.causes import CAUSES, causes_of_misses, missed_by_cause
from planner.generation.compare import compare
from planner.generation.figures import deadlines_kept
from tests.test_generation_plan import LLAMA, scenario


def traffic(rate_per_s, input_tokens, output_tokens, duration_s=50):
    return {"deterministic": {"total_rate_per_s": rate_per_s, "duration_s": duration_s},
            "tokens": {"input": {"fixed": input_tokens}, "output": {"fixed": output_tokens}}}  # fmt: skip


ONE = [{"name": "one", "groups": [{"models": ["chat"]}]}]
FIRST = {"name": "chat", "generation": "llama-3.1-8b", "slo_ttft_s": 0.5}
LATER = {"name": "chat", "generation": "llama-3.1-8b", "slo_tpot_s": 0.0125}
CASES = {
    "no engine": {"models": [LLAMA, LLAMA | {"name": "code"}], "workload": traffic(1, 100, 10)},
    "longer than the cache": {"models": [FIRST], "workload": traffic(1, 160, 10), "generation": {"kv_blocks": 8}},
    "long prompt": {"models": [FIRST], "workload": traffic(0.2, 30_000, 5)},
    "waiting for admission": {"models": [FIRST], "workload": traffic(4, 100, 60),
                              "generation": {"max_num_seqs": 1, "max_num_batched_tokens": 2048}},
    "cache full": {"models": [FIRST], "workload": traffic(60, 320, 2), "generation": {"kv_blocks": 30}},
    "turned away": {"models": [FIRST], "workload": traffic(20, 2000, 2),
                    "generation": {"admission": "predicted_ttft"}},
    "preempted": {"models": [LATER], "workload": traffic(4, 160, 500), "generation": {"kv_blocks": 60}},
    "moving to decode": {"models": [LATER], "workload": traffic(1, 800, 8), "generation": {"kv_transfer_gb_per_s": 1},
                         "placements": [{"name": "one", "groups": [{"models": ["chat"], "role": role}
                                                                   for role in ("prefill", "decode")]}]},
    "prompts in the batch": {"models": [LATER], "workload": traffic(20, 1500, 12)},
    "large batch": {"models": [LATER], "workload": traffic(20, 16, 400)},
}  # fmt: skip


@pytest.mark.parametrize("cause", CASES)
def test_a_cause_is_named_where_it_is_the_only_one(cause):
    comparison = compare(scenario(**({"placements": ONE} | CASES[cause])))
    outcome = comparison.outcomes[0]
    found = missed_by_cause(outcome, comparison.inputs)
    assert found and max(found, key=found.get) == cause, found
    missed = ~deadlines_kept(comparison.inputs.problem, outcome.result)["all"]
    assert ((causes_of_misses(outcome, comparison.inputs) >= 0) == missed).all()
    assert sum(found.values()) == missed.sum()
    assert causes_in_words(found).startswith(f"Of {missed.sum():,}".replace(",", "\u202f"))


def test_every_cause_has_a_case_and_words():
    assert set(CASES) == set(CAUSES)
    assert all(causes_in_words({cause: 1}).count("100") == 1 for cause in CAUSES)
    assert "None is" in causes_in_words({})
