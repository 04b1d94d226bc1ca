"""Models that generate token by token on the pages: the same numbers as on the command line, and what can be set."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.controls.generation import as_generating, as_whole
from app.look import words
from app.panels.answers import DEVICES, answers_in_report
from app.panels.compare_view import TokenView
from app.panels.generation_capacity import CAPACITY, SWEEP, capacity_table, sentence_of
from app.panels.generation_compare import as_frame, ranked_rows
from app.panels.generation_growth import GROWTH, SPARE
from app.panels.generation_plan import is_same
from app.state.first_scenario import first_scenario
from app.state.session import with_values
from planner.compare import placement_section
from planner.generation.compare import compare
from planner.generation.growth import find_token_growth
from planner.generation.known_errors import NOT_MODELLED
from planner.generation.paired import half_width, met_requests, paired_token_difference, token_model_differences
from planner.generation.search import TITLES
from planner.generation.spare import find_token_spares
from planner.generation.what_if import find_token_capacity, sweep_tokens
from planner.scenario.examples import FOLDER
from planner.scenario.file import parse_scenario
from planner.scenario.schema import PlacementSection
from planner.what_if.growth_words import borne_sentence
from planner.what_if.spare_words import spare_sentence
from simulator.generation.preparation import GENERATING
from simulator.intervals import batch_means_half_width
from tests.cases import shown_key
from tests.store_cases import come_back
from tests.test_app_plan import MAIN, errors, session, upload, verdict

EXAMPLE = parse_scenario((FOLDER / "6-language-models.yaml").read_text(encoding="utf-8"))
NO_LENGTHS = b"arrival_s,model\n" + b"".join(f"{i:.2f},m{i % 2}\n".encode() for i in range(200))


@pytest.fixture(scope="module")
def compared():
    GENERATING.wait()
    return compare(EXAMPLE)


def opened(scenario):
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    session(at).replace("traffic", scenario)
    at.run()
    # Searches are not waited for by the page.
    for job in session(at).jobs.all():
        job.wait(60)
    at.run()
    assert not at.exception
    return at


def test_the_plan_page_says_what_the_command_says(compared):
    at = opened(EXAMPLE)
    assert not errors(at)
    for entry, outcome in zip(session(at).answer.shown, compared.outcomes, strict=True):
        assert entry.outcome.figures.total == outcome.figures.total
        np.testing.assert_array_equal(entry.outcome.result.last_token_s, outcome.result.last_token_s)
    assert "Dedicated on 6 devices meets 99.31 %" in verdict(at).replace("\N{NARROW NO-BREAK SPACE}", " ").replace(
        "\N{NO-BREAK SPACE}", " "
    )
    captions = " ".join(caption.value for caption in at.caption)
    assert NOT_MODELLED.split(":")[0] in captions and "speculative decoding" in captions


def test_a_placement_may_be_called_as_the_first_column_of_the_table_of_placements():
    first = EXAMPLE.placements[0].model_dump(exclude_none=True)
    page = opened(with_values(EXAMPLE, "", placements=[first | {"name": "figure"}]))
    (table,) = [table.value for table in page.table if table.value.index.name == "figure"]
    assert not page.exception and list(table.columns) == ["figure"] and "all deadlines met" in table.index


def test_every_page_answers_or_says_in_a_sentence_that_it_does_not(compared):
    at = opened(EXAMPLE)
    for page in ("compare", "timeline", "placement", "capacity", "search", "trace", "profile", "scenario", "library"):
        at.switch_page(f"views/{page}.py").run()
        assert not at.exception and not errors(at), page


def test_intervals_and_differences_are_those_of_the_requests(compared):
    first, second = compared.outcomes[0], compared.outcomes[1]
    met = [met_requests(outcome, compared.inputs) for outcome in (first, second)]
    assert met[0].mean() == pytest.approx(first.slo_attainment)
    assert first.figures.half_widths["all"] == half_width(first, compared.inputs) == batch_means_half_width(met[0])
    difference = paired_token_difference(first, second, compared.inputs)
    assert difference.difference == pytest.approx(second.slo_attainment - first.slo_attainment)
    low, high = first.figures.interval("ttft")
    assert low < first.figures.total.attainment["ttft"] < high


def test_deadlines_and_engine_limits_can_be_set():
    at = opened(EXAMPLE)
    at.number_input(key="models.slo_tpot_s").set_value(0.03).run()
    assert {section.slo_tpot_s for section in session(at).scenario.models} == {0.03}
    at.number_input(key="generation.max_num_seqs").set_value(4).run()
    assert session(at).scenario.generation.max_num_seqs == 4
    assert max(e.mean_running for e in session(at).answer.shown[0].outcome.figures.engines) <= 4
    at.number_input(key="models.slo_ttft_s").set_value(0.0).run()
    at.number_input(key="models.slo_tpot_s").set_value(0.0).run()
    assert any("would have no deadline left" in sentence for sentence in errors(at))
    at.number_input(key="generation.max_num_batched_tokens").set_value(2).run()
    assert any("max_num_batched_tokens is 2" in sentence for sentence in errors(at))


def test_answers_come_token_by_token_at_a_click_and_back():
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    at.segmented_control(key="models.kind").set_value("tokens").run()
    assert not at.exception and not errors(at)
    scenario = session(at).scenario
    assert scenario.generates and scenario.workload.tokens is not None
    answer = session(at).answer
    assert [e.section.name for e in answer.shown] == ["Dedicated engines", "Shared engines"]
    # Of one model both are the same groups, which is no finding.
    first, second = (entry.outcome for entry in answer.shown)
    assert len(answer.inputs.problem.models) == 1 and first.placement.groups == second.placement.groups
    assert is_same(*answer.shown)
    said = verdict(at)
    assert "the same groups as" in said and "with one model there is nothing to share" in said
    assert "no difference that this run can tell" not in said
    at.segmented_control(key="models.kind").set_value("whole").run()
    assert not at.exception and not errors(at) and not session(at).scenario.generates


def test_a_trace_without_lengths_asks_for_them():
    scenario = with_values(EXAMPLE, "", workload=first_scenario().workload.model_dump())
    at = opened(scenario)
    assert any("have no lengths" in sentence for sentence in errors(at))
    assert any("choose some here" in warning.value for warning in at.warning)
    at.selectbox(key="tokens.kind").set_value("fixed").run()
    assert not errors(at) and session(at).answer.shown
    assert (session(at).answer.inputs.problem.workload.input_tokens == 800).all()
    # An upload without lengths keeps the drawn ones; traffic with lengths of its own takes them out.
    upload(at, ("requests.csv", NO_LENGTHS))
    assert session(at).scenario.workload.tokens is not None
    at.selectbox(key=shown_key(at, "traffic.source")).set_value("sample:language-models").run()
    assert session(at).scenario.workload.tokens is None and not errors(at)


def test_what_cannot_be_is_one_sentence():
    at = opened(with_values(EXAMPLE, "cluster", memory_gib=10))
    assert any("does not fit" in sentence or "holds" in sentence for sentence in errors(at)), errors(at)
    at = opened(with_values(EXAMPLE, "", models=[{"name": "chat", "generation": "no-such", "slo_ttft_s": 1}]))
    assert any("no-such" in sentence and "Llama-3.1-8B" in sentence for sentence in errors(at))


def test_one_model_a_source_where_sources_are_few():
    generating = as_generating(first_scenario(), None)
    assert [section.name for section in generating.models] == ["language-model"]
    assert as_whole(generating).models == first_scenario().models
    # A price is that of the device it was given for.
    assert generating.cluster.usd_per_device_hour == 0 and as_whole(generating).cluster == first_scenario().cluster


def test_the_capacity_page_finds_the_devices_that_the_command_finds():
    at = opened(EXAMPLE)
    at.switch_page("views/capacity.py").run()
    at.multiselect(key="token_algorithms").set_value(["dedicated", "shared"]).run()
    at.number_input(key="to").set_value(8).run()
    at.button(key="capacity.go").click().run()
    slot = session(at).slots[CAPACITY]
    slot.job.wait(60)
    at.run()
    assert not at.exception and not errors(at)
    sections = [PlacementSection(name=a, search={"algorithm": a}) for a in ("dedicated", "shared")]
    expected = find_token_capacity(EXAMPLE, 0.99, sections, 1, 8)
    found = slot.result[0]
    assert [one.devices for one in found] == [one.devices for one in expected]
    assert sentence_of(found, EXAMPLE.cluster.usd_per_device_hour).split(" Others:")[0] in verdict(at)
    fewest = min(one.devices for one in expected if one.devices)
    assert f"{fewest} device" in sentence_of(found)
    assert f"for {words.usd_per_hour(fewest * 2.5)}, placed by" in sentence_of(found, 2.5)
    (in_report,) = [part for part in answers_in_report(session(at), session(at).answer) if part.title == DEVICES]
    assert in_report.sentences[0].text == sentence_of(found, EXAMPLE.cluster.usd_per_device_hour)
    kept = come_back(session(at)).slots[CAPACITY]
    assert kept.result_key == slot.result_key and kept.result[1:] == (session(at).scenario, list(slot.result[2]))
    assert json.dumps([one.to_json() for one in kept.result[0]]) == json.dumps([one.to_json() for one in found])
    assert sentence_of(kept.result[0]) == sentence_of(found)
    assert capacity_table(kept.result[0]).equals(capacity_table(found))
    first = next(one for one in found if one.devices is not None)
    at.button(key=f"capacity.use:{first.name}").click().run()
    assert session(at).scenario.placements[-1].groups is not None and not at.exception


def test_a_sweep_on_the_page_is_that_of_the_command():
    at = opened(EXAMPLE)
    at.switch_page("views/capacity.py").run()
    at.multiselect(key="token_algorithms").set_value(["shared"]).run()
    at.number_input(key="token_count").set_value(2).run()
    at.button(key="token_sweep.go").click().run()
    slot = session(at).slots[SWEEP]
    slot.job.wait(60)
    at.run()
    assert not at.exception and not errors(at)
    points, axis = slot.result
    again, same = come_back(session(at)).slots[SWEEP].result
    assert same == axis
    assert json.dumps([point.to_json() for point in again]) == json.dumps([point.to_json() for point in points])
    expected, _ = sweep_tokens(EXAMPLE, [("rate_scale", [0.5, 4.0])],
                               [PlacementSection(name="shared", search={"algorithm": "shared"})])  # fmt: skip
    assert axis == "rate_scale" and [p.slo_attainment for p in points] == [p.slo_attainment for p in expected]
    assert points[0].slo_attainment > points[1].slo_attainment


def test_the_compare_page_ranks_placements_by_requests_counted_here(compared):
    at = opened(EXAMPLE)
    at.switch_page("views/compare.py").run()
    assert not at.exception and not errors(at) and not at.info
    shown = sorted(session(at).answer.shown, key=lambda entry: -entry.outcome.slo_attainment)
    view = TokenView(tuple(shown), shown[1], shown[0])
    rows, page = ranked_rows(view, session(at).answer), " ".join(html.value for html in at.get("html"))
    for row, entry in zip(rows, shown, strict=True):
        problem, outcome = compared.inputs.problem, entry.outcome
        met = 0
        for index, model in enumerate(outcome.result.workload.model):
            slo, first, last = problem.models[model].slo, *(
                getattr(outcome.result, name)[index] for name in ("first_token_s", "last_token_s")
            )  # fmt: skip
            arrival, tokens = (getattr(outcome.result.workload, n)[index] for n in ("arrival_s", "output_tokens"))
            tpot = (last - first) / (tokens - 1) if tokens > 1 else 0.0
            limits = ((first - arrival, slo.ttft_s), (tpot, slo.tpot_s), (last - arrival, slo.e2e_s))
            met += bool(outcome.result.served[index]) and all(s <= limit for s, limit in limits if limit is not None)
        assert compared.inputs.warmup_s == 0 and row.requests - row.missed == met
        assert row.difference.difference == pytest.approx(row.met - rows[1].met)
        assert row.entry.section.name in page and words.count(row.missed) in page
    frame = as_frame(rows, view)
    assert list(frame["placement"]) == [entry.section.name for entry in shown]
    assert list(frame["ttft_p99_s"]) == [entry.outcome.figures.total.ttft_s.p99 for entry in shown]


def test_gains_of_models_add_up_to_the_difference(compared):
    first, second = compared.outcomes[:2]
    rows = token_model_differences(first, second, compared.inputs)
    assert [row.name for row in rows] == [row.name for row in sorted(rows, key=lambda row: row.first - row.second)]
    whole = sum(row.requests * row.gap.difference for row in rows) / sum(row.requests for row in rows)
    assert whole == pytest.approx(second.slo_attainment - first.slo_attainment)


def test_admission_by_predicted_ttft_is_a_control_of_the_page():
    at = opened(EXAMPLE)
    control = next(box for box in at.selectbox if box.label == "Engines take (admission)")
    control.set_value("predicted_ttft").run()
    for job in session(at).jobs.all():
        job.wait(60)
    at.run()
    assert session(at).scenario.generation.admission == "predicted_ttft"
    for entry in session(at).answer.shown:
        assert (
            entry.outcome.figures.total
            == compare(session(at).scenario, only=entry.outcome.name).outcomes[0].figures.total
        )


def test_growth_begins_with_the_cluster_and_with_what_reached_the_target():
    at = AppTest.from_file(MAIN, default_timeout=120).run()
    at.switch_page("views/capacity.py").run()
    there, asked = session(at).scenario.cluster.devices, EXAMPLE.cluster.devices
    assert at.number_input(key="present").value == there != asked
    session(at).replace("traffic", EXAMPLE)
    at.run()
    for job in session(at).jobs.all():
        job.wait(60)
    at.run()
    assert at.number_input(key="token_present").value == asked
    assert at.number_input(key=shown_key(at, "to")).value == 4 * asked
    # The first one of the list does not reach the target, so another one is begun with.
    names = ["shared", "dedicated"]
    at.multiselect(key="token_algorithms").set_value(names).run()
    at.number_input(key=shown_key(at, "to")).set_value(6).run()
    at.number_input(key="token_limit").set_value(30.0).run()
    at.button(key="capacity.go").click().run()
    session(at).slots[CAPACITY].job.wait(120)
    at.run()
    found = session(at).slots[CAPACITY].result[0]
    fewest = min((one for one in found if one.devices), key=lambda one: one.devices)
    assert fewest.name != TITLES[names[0]]
    assert at.selectbox(key=shown_key(at, "token_grown_by")).value == fewest.name
    at.button(key="token_spare.go").click().run()
    session(at).slots[SPARE].job.wait(120)
    at.run()
    assert not at.exception and not errors(at)
    plans = session(at).slots[SPARE].result[0]
    assert all(fewest.devices < devices <= 6 for plan in plans for devices, _ in plan.tried)
    at.number_input(key=shown_key(at, "to")).set_value(2).run()
    at.button(key="token_spare.go").click().run()
    session(at).slots[SPARE].job.wait(120)
    at.run()
    target = EXAMPLE.model_copy(update={"placements": []})
    sections = [PlacementSection.model_validate({"name": n, "search": {"algorithm": n}}) for n in names]
    assert not any(one.devices for one in find_token_capacity(target, 0.99, sections, 1, 2))
    assert any(error.value.startswith("Even with nothing lost") for error in at.error)


def test_growth_and_losses_on_the_page_are_those_of_the_search():
    at = opened(EXAMPLE)
    at.switch_page("views/capacity.py").run()
    at.number_input(key="target").set_value(80.0).run()
    at.multiselect(key="token_algorithms").set_value(["shared"]).run()
    sections = [PlacementSection.model_validate({"name": TITLES["shared"], "search": {"algorithm": "shared"}})]
    for button, area in (("token_growth.go", GROWTH), ("token_spare.go", SPARE)):
        at.button(key=button).click().run()
        session(at).slots[area].job.wait(120)
        at.run()
        assert not at.exception and not errors(at)
    growth, spares = session(at).slots[GROWTH].result[0], session(at).slots[SPARE].result[0]
    assert growth.bears == find_token_growth(EXAMPLE, 0.8, sections[0]).bears
    again = find_token_spares(EXAMPLE, 0.8, sections, ["node", "device"])
    assert [plan.devices for plan in spares] == [plan.devices for plan in again]
    page = " ".join(html.value for html in at.get("html"))
    price = EXAMPLE.cluster.usd_per_device_hour
    for sentence in (borne_sentence(growth), *(spare_sentence(plan, price) for plan in spares)):
        assert sentence in page
    bears = next(plan for plan in spares if plan.what == "device")
    at.button(key="spare.use:device").click().run()
    assert not at.exception and not errors(at)
    added = session(at).scenario.placements[-1]
    assert added == placement_section(bears.placement).model_copy(update={"name": added.name})
    assert session(at).scenario.cluster.devices >= bears.devices
