"""What cannot be served token by token: one sentence each, the same on the command line and on the page."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.panels.generation_plan import never_run_in_words
from planner.generation.compare import compare, never_run
from planner.scenario.file import load_scenario
from simulator import words
from simulator.generation import STATUS
from tests.test_app_plan import MAIN, errors, session
from tests.test_command_line import run, run_json

HEADER = "arrival_s,model,input_tokens,output_tokens"
GOOD = [f"{i},a,100,20" for i in range(10)]
CHAT = "{name: a, generation: llama-3.1-8b, slo_ttft_s: 1}"
BERT = "{name: b, profile: bert-1.3b, slo_scale: 5}"
ONE = "[{name: one, groups: [{models: [a]}]}]"


def refused(capsys, file):
    """What the command says is wrong: its last line, after whatever else was logged in this process."""
    status, _, err = run(capsys, "simulate", file)
    assert status == 2 and err.endswith("\n")
    return err.splitlines()[-1]


def written(folder, *rows, header=HEADER, models=CHAT, memory_gib=80, limits="{}", placements=ONE, name="t.csv"):
    (folder / name).write_text("\n".join([header, *rows]) + "\n")
    file = folder / "s.yaml"
    file.write_text(
        f"version: 1\ncluster: {{devices: 2, memory_gib: {memory_gib}, device: RTX PRO 6000}}\nmodels: [{models}]\n"
        f"workload: {{trace: {{path: {name}, map_models: by_name}}}}\ngeneration: {limits}\nplacements: {placements}\n"
    )
    return file


def plain(element):
    return re.sub(r"\\(.)", r"\1", element.value)


def opened(file):
    """The page with that scenario and its trace."""
    scenario = load_scenario(file)
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    session(at).uploads.add_trace([(path, (file.parent / path).read_bytes()) for path in scenario.workload.trace.paths])
    session(at).replace("traffic", scenario)
    # What arrives is one job, and what becomes of it others, which begin when the page is drawn with the first.
    for _ in range(3):
        at.run()
        for job in session(at).jobs.all():
            job.wait(60)
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize(
    ("cell", "said"), [("-5", "'-5'"), ("NaN", "'NaN'"), ("", "empty"), ("1.5", "'1.5'"), ("many", "'many'")]
)
def test_a_wrong_length_names_file_line_and_column(tmp_path, capsys, cell, said):
    file = written(tmp_path, *GOOD, f"10,a,{cell},20")
    sentence = f"t.csv, line 12, column 'input_tokens' is {said}; a whole number from 0 to 10 000 000 is allowed."
    assert refused(capsys, file) == f"Error: {sentence}"
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    trace = [("t.csv", (tmp_path / "t.csv").read_bytes(), "text/csv")]
    at.file_uploader(key=f"upload:trace:{session(at).refused}").set_value(trace).run()
    assert [words.typed(error) for error in errors(at)] == [sentence]


def test_lengths_that_some_rows_lack_are_said_where_no_line_has_to_have_them(tmp_path, capsys):
    file = written(tmp_path, '{"arrival_s": 1, "model": "a", "input_tokens": 5}', name="t.jsonl",
                   header='{"arrival_s": 0, "model": "a", "input_tokens": 5, "output_tokens": 5}')  # fmt: skip
    err = refused(capsys, file)
    assert "The requests of a have no lengths" in err and "1 other column (output_tokens) is not used." in err
    assert any("The requests of a have no lengths" in error for error in errors(opened(file)))


def test_lengths_are_drawn_only_for_requests_that_bring_none(tmp_path, capsys):
    file = written(tmp_path, *GOOD)
    (tmp_path / "none.csv").write_text("arrival_s,model\n0.5,a\n1.5,a\n2.5,b\n3.5,b\n")
    models = file.read_text().replace(f"[{CHAT}]", f"[{CHAT}, {BERT}]")
    file.write_text(models.replace("path: t.csv", "path: [t.csv, none.csv]"))
    assert "2 of the 12 requests of a have no lengths" in words.typed(refused(capsys, file))
    at = opened(file)
    assert any(warning.value.startswith("Some requests have no prompt") for warning in at.warning)
    at.selectbox(key="tokens.kind").set_value("fixed").run()
    assert not errors(at) and at.selectbox(key="tokens.kind").label == "Lengths of requests that bring none"
    answer = session(at).answer
    workload = answer.inputs.problem.workload
    brought = ~np.isin(workload.arrival_s, (0.5, 1.5))
    assert (workload.input_tokens[brought] == 100).all() and (workload.output_tokens[brought] == 20).all()
    assert (workload.input_tokens[~brought] == 800).all() and (workload.output_tokens[~brought] == 200).all()
    sentence = "2 of 12 requests bring no prompt and output lengths and get drawn ones; the others keep their own."
    assert (~brought).sum() == 2 and len(workload) == 12
    assert any(sentence in words.typed(plain(caption)) for caption in at.caption)


def test_requests_of_zero_tokens_are_left_out_and_counted(tmp_path, capsys):
    file = written(tmp_path, *GOOD, "10,a,0,20", "11,a,100,0")
    status, _, err = run(capsys, "simulate", file)
    sentence = "2 requests of 12 without input or output tokens left out: nothing is generated for them."
    assert status == 0 and f"Note: {sentence}" in err
    assert any(sentence in words.typed(plain(caption)) for caption in opened(file).caption)
    err = refused(capsys, written(tmp_path, "0,a,0,0"))
    assert err == "Error: No request has input and output tokens; at least one is needed."


@pytest.mark.parametrize(
    ("row", "limits"), [("10,a,5000000,20", "{}"), ("10,a,100,1000000", "{}"), ("10,a,81,20", "{kv_blocks: 6}")]
)
def test_a_request_longer_than_the_cache_is_said_to_never_run(tmp_path, capsys, row, limits):
    good = [line.replace("100,20", "50,20") for line in GOOD]
    file = written(tmp_path, *good, row, limits=limits)
    comparison = compare(load_scenario(file))
    [outcome] = comparison.outcomes
    workload = outcome.result.workload
    holds = outcome.figures.engines[0].kv_blocks * 16
    beyond = workload.input_tokens + workload.output_tokens - 1 > holds
    np.testing.assert_array_equal(outcome.result.status == STATUS.index("too_long"), beyond)
    longest = int((workload.input_tokens + workload.output_tokens)[beyond].max())
    sentence = never_run(outcome, comparison.inputs)
    assert sentence == (
        f"{words.plural(int(beyond.sum()), 'request')} can never run: the longest, to a, has {words.count(longest)} "
        f"tokens with its output, and the largest cache of its engines holds {words.count(holds)}."
    )
    assert beyond.sum() == 1 and outcome.result.served.sum() == 10
    assert run_json(capsys, "simulate", file)["placements"][0]["notes"] == [sentence]
    _, out, _ = run(capsys, "simulate", file)
    assert f"- one: {words.typed(sentence)}" in out
    at = opened(file)
    assert [plain(warning) for warning in at.warning] == [sentence]
    assert never_run_in_words(session(at).answer.shown, session(at).answer) == [sentence]


def test_an_output_of_a_million_tokens_that_fits_is_served(tmp_path, capsys):
    file = written(tmp_path, "0,a,100,1000000", memory_gib=200)
    document = run_json(capsys, "simulate", file)["placements"][0]
    assert document["generation"]["served"] == 1 and "notes" not in document
    assert document["generation"]["e2e_s"]["mean"] > 1e6 * 0.01
    assert not errors(opened(file))


def test_a_model_that_does_not_fit_is_named_with_what_it_takes(tmp_path, capsys):
    file = written(tmp_path, *GOOD, memory_gib=10)
    sentence = "does not fit: weights take 15 GiB of a device"
    assert sentence in refused(capsys, file)
    assert any(sentence in words.typed(error) for error in errors(opened(file)))
    searched = "[{name: one, search: {algorithm: refine}}]"
    file = written(tmp_path, *GOOD, memory_gib=3, placements=searched)
    assert "found no placement that holds a model" in refused(capsys, file)


def test_models_of_both_kinds_without_lengths_are_one_sentence(tmp_path, capsys):
    rows = [f"{i},{'ab'[i % 2]}" for i in range(10)]
    file = written(tmp_path, *rows, header="arrival_s,model", models=f"{CHAT}, {BERT}")
    assert refused(capsys, file).startswith("Error: The requests of a have no lengths")
    assert any("The requests of a have no lengths" in error for error in errors(opened(file)))
