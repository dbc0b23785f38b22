import math
from dataclasses import replace

from offtarget.arrays.trajectories import Status
from offtarget.reports.table import accounts, lines, rows, summary_lines, verdict


def test_every_estimate_and_every_published_figure_has_its_line(result):
    made = result()
    wanted = sum(max(1, len(one.published)) for one in made.estimates)
    assert len(lines(made)) == wanted == 12


def test_the_terminal_table_says_what_the_lines_say(result):
    made = result()
    head, *body = rows(made)
    assert all(len(row) == len(head) for row in body)
    for row, line in zip(body, lines(made), strict=True):
        assert row[:4] == (line.endpoint, line.arm, line.month, line.n)
        assert row[4] == f"{line.simulated} ({line.interval})"
        assert row[-2:] == (line.source, line.miss)


def test_a_miss_is_simulated_minus_published_with_its_sign(result):
    made = result()
    estimate = replace(made.estimates[0], value=40.0)
    for published, wanted in ((43.0, "−3.0"), (38.5, "+1.5"), (40.0, "+0.0")):
        figure = replace(estimate.published[0], value=published)
        one = replace(made, estimates=(replace(estimate, published=(figure,)),))
        assert lines(one)[0].miss == wanted


def test_intervals_overlap_or_not_and_a_figure_without_interval_is_a_point(result):
    made = result()
    estimate = replace(made.estimates[0], value=40.0, low=38.0, high=42.0)
    cases = (
        (50.0, 41.0, 60.0, True),
        (50.0, 42.1, 60.0, False),
        (41.9, math.nan, math.nan, True),
        (42.1, math.nan, math.nan, False),
    )
    for value, low, high, wanted in cases:
        figure = replace(estimate.published[0], value=value, low=low, high=high)
        one = replace(made, estimates=(replace(estimate, published=(figure,)),))
        assert lines(one)[0].overlaps is wanted


def test_an_estimate_that_cannot_be_made_is_said_so_and_misses_nothing(result):
    made = result(stopped=0)
    first = lines(made)[0]
    assert (first.n, first.simulated, first.interval, first.miss) == (
        "0",
        "not estimable",
        "no interval",
        "not estimable",
    )
    assert first.overlaps is None
    assert verdict(made).startswith("No published figure")


def test_the_verdict_names_smallest_and_largest_miss_and_the_mean(result):
    made = result()
    estimate = made.estimates[0]
    figures = tuple(
        replace(estimate.published[0], value=value, low=math.nan, high=math.nan) for value in (30.0, 60.0)
    )
    one = replace(made, estimates=(replace(estimate, value=40.0, low=39.0, high=41.0, published=figures),))
    assert "−20.0 to +10.0" in verdict(one)
    assert "15.0 on average" in verdict(one)
    assert "overlap for 0 of 2" in verdict(one)


def test_accounts_add_up_and_name_who_never_started_a_clock(result):
    made = result(n=100, stopped=30, statuses={Status.NOT_FINITE: 3, Status.TOO_MANY_STEPS: 2})
    for one in accounts(made):
        assert one.planned == one.finished + one.failed == 100
        assert dict((number, text) for text, number in one.failures) == {
            3: Status.NOT_FINITE.sentence, 2: Status.TOO_MANY_STEPS.sentence,
        }  # fmt: skip
        assert [(clock.reached, clock.never) for clock in one.clocks] == [(30, 70), (100, 0), (100, 0)]


def test_the_summary_tells_failures_seed_digest_and_an_early_stop(result):
    made = replace(result(n=50, statuses={Status.NEGATIVE: 1}), planned=80)
    text = "\n".join(summary_lines(made))
    assert "50 of 80 patients" in text
    assert f"1: {Status.NEGATIVE.sentence}" in text
    assert f"Seed 7, digest {made.digest()[:16]}" in text
    assert '25 never came to "stop imatinib"' in text
