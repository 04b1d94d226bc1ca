"""The sentences of the lessons on batches, on yesterday's plan and on the hunt, computed again."""

import numpy as np
import pytest

from app.lessons import batching, hunt, regions, yesterday
from app.look import words
from planner.lessons.batching import SCALES, met
from planner.lessons.eight_models import serve_eight
from planner.lessons.verdicts import lead


@pytest.mark.parametrize("scale", [1.0, 2.0, 3.0, 10.0])
@pytest.mark.parametrize("rate", [32.0, 64.0])
def test_batches_gain_what_the_sentence_says(scale, rate):
    run = batching.run(batching.Settings(scale, rate, 4.0))
    here = met(scale, rate, 4.0)
    best, worst = (here[:, 1:] - here[:, :1]).max(), (here[:, 1:] - here[:, :1]).min()
    text = batching.first_sentence(run)
    assert ("gain nothing" in text) == (best < 0.005)
    assert "gain nothing" in text or f"{100 * best:.1f} points" in text
    assert ("lose" in text) == (worst < -0.005)
    assert ", and lose up to" not in text or f", and lose up to {-100 * worst:.1f}." in text
    for way in (0, 1):
        assert all(words.share(share) in batching.way_sentence(run, way) for share in here[way])
    np.testing.assert_array_equal(run.lines[SCALES.index(scale)], here)
    assert ("do not fit" in batching.why(batching.Settings(scale, rate, 4.0), run)) == (scale < 1.9)


@pytest.mark.parametrize(("drift", "cv"), [(0.0, 4.0), (100.0, 4.0), (50.0, 2.0), (100.0, 1.0)])
def test_who_meets_most_of_the_unseen_hours_is_named_with_the_gap_to_what_was_planned(drift, cv):
    chosen = yesterday.Settings(drift, cv, 5.0)
    run = yesterday.run(chosen)
    held_out = run.met[:, 1:].mean(axis=1)
    text = yesterday.best_sentence(run)
    named = text.split(" meet")[0].lower()
    assert all((plan.lower() in named) == (value == held_out.max())
               for plan, value in zip(yesterday.PLANS, held_out, strict=True))  # fmt: skip
    assert words.share(float(held_out.max())) in text
    gaps = yesterday.gap_sentence(run)
    for plan in (0, 2):
        assert words.points_difference(float(held_out[plan]), float(run.met[plan, 0])) in gaps
        assert words.share(float(run.met[plan, 0])) in gaps
    assert ("are single devices" in yesterday.why(chosen, run)) == (run.stages == 1)
    assert (yesterday.say(chosen, run).hue is None) == ((held_out == held_out.max()).sum() > 1)


def test_with_other_models_popular_replicas_fall_and_pipelines_stay_above_who_knows_the_future():
    """The statement of figure 14."""
    met_by = yesterday.run(yesterday.Settings(100.0, 4.0, 5.0)).met
    assert met_by[0, 1:].max() < met_by[0, 0] - 0.2
    assert met_by[2, 1:].min() > met_by[1, 1:].max() > met_by[0, 1:].max()


def test_a_trail_is_read_back_and_what_is_none_is_passed_over():
    assert hunt.read_trail("33_0.5_3_1.1_2~x~1_2~18_3_5_1.1_99~18_3_5_1.1_8") == [
        [33, 0.5, 3, 1.1, 2],
        [18, 3, 5, 1.1, 8],
    ]


def test_the_trail_counts_where_sharing_loses():
    run = hunt.run(hunt.LESSON.exercise.solution)
    signs = [lead(serve_eight(*values[:4], room=int(values[4])), regions.MET).sign
             for values in hunt.read_trail(hunt.LESSON.exercise.solution.trail)]  # fmt: skip
    assert [sign for *_, sign in run.trail] == signs
    assert f"Of 3 settings on your trail sharing loses in {signs.count(-1)}." == hunt.trail_sentence(run)


@pytest.mark.parametrize(("rate", "cv", "scale", "alpha"), [(18, 3, 5, 1.1), (33, 0.5, 3, 1.1), (6, 8, 2, 1.3)])
def test_the_hunt_and_the_map_of_rates_never_disagree_about_a_setting(rate, cv, scale, alpha):
    here = hunt.run(hunt.Settings(rate, cv, scale, alpha, 2.0))
    there = regions.run(regions.Settings(rate, cv, scale, alpha))
    assert here.ahead == there.ahead and np.array_equal(here.signs, there.signs)


@pytest.mark.parametrize(("room", "cv", "alpha", "scale", "rate"), [
    (8, 3, 1.1, 5, 18), (2, 1, 1.1, 5, 18), (2, 3, 1.5, 1.5, 18), (2, 3, 1.1, 5, 31), (2, 3, 1.1, 5, 18)])  # fmt: skip
def test_every_reason_against_sharing_holds(room, cv, alpha, scale, rate):
    chosen = hunt.Settings(rate, cv, scale, alpha, room)
    text = hunt.why(chosen, None)
    assert ("every device holds every model" in text) == (room == 8)
    assert ("few bursts" in text) == (cv <= 1)
    assert ("already too late" in text) == (alpha >= scale)
    assert ("the pipeline is" in text) == (rate * 0.2375 / 8 * alpha > 0.9)
