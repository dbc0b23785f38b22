"""A network's own events, at their instants to the last bit, and draws from distributions in them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine.replicates import Chance, build_chance, numbered, simulate_replicates
from offtarget.models.sbml import read_model
from offtarget.randomness import stream

SURE = 1e-4

#: Lines, steps and triggers side by side: what happens to one does not touch the others, but for what its name says.
HAPPENINGS = """
model happenings
  species D, E, F, G, H, C, S, N, L, M, K;
  substanceOnly species D, E, F, G, H, C, S, N, L, M, K;
  D = 1; E = 0; F = 0; G = 0; H = 0; C = 0; S = 50; N = 2; L = 0; M = 0; K = 0;
  age = 0; pile = 0; turn = 0; seen = 0;
  gone: D => ; D;
  age' = D; pile' = N; turn' = 1;
  step: S => ; S * piecewise(ka, time < 2, kb);
  grow: => C; 5;
  lift: => L; 4 * piecewise(0, pile < 1, 1);
  ka = 0.1; kb = 0.4;
  at1: at (time >= 3), fromTrigger=false: E = E + 1;
  at2: at (time > 3), fromTrigger=false: F = F + 1;
  at3: at (pile >= 1.5): H = 1;
  at4: at (turn >= 0.5): turn = -0.5, G = G + 1;
  at5: at 2 after (C >= 3), t0 = true: N = 4;
  at6: at (rem(time, 7) >= 5): E = E + 10;
  at7: at (C >= 3): seen = time;
  at8: at (abs(time - 6) <= 0.25): M = 1;
  at9: at (M > 0 && abs(time - 6) > 0.25): M = 0;
  at10: at (time == 4): K = K + 100;
  at11: at (max(time, 5) >= 8): K = K + 1000;
end
"""
OUTPUTS = ("D", "E", "F", "G", "H", "C", "S", "N", "L", "M", "K", "age", "pile", "turn", "seen", "step")


@cache
def happenings() -> Chance:
    return build_chance(read_model(HAPPENINGS, where="happenings"), outputs=OUTPUTS)


def at(*times: float, n: int = 50, seed: int = 2) -> Trajectories:
    found = simulate_replicates(happenings(), n, times=times, seed=seed)
    assert found.finished.all()
    return found


def all_are(values: NDArray[np.float64], *wanted: float) -> bool:
    return bool((values == np.array(wanted)).all())


def just_before(time: float) -> float:
    return float(np.nextafter(time, 0.0))


def just_after(time: float) -> float:
    return float(np.nextafter(time, np.inf))


def test_an_event_at_the_instant_of_an_output_shows_and_one_just_after_does_not() -> None:
    found = at(just_before(3.0), 3.0, just_after(3.0))
    assert all_are(found.of("E"), 0, 1, 1)
    assert all_are(found.of("F"), 0, 0, 1)


def test_a_line_meets_its_threshold_to_the_last_bit() -> None:
    """pile = 2 t until an event changes N, which takes at least two days."""
    found = at(just_before(0.75), 0.75)
    assert all_are(found.of("H"), 0, 1)
    assert all_are(found.of("pile")[:, 1], 1.5)


def test_a_clock_that_an_event_sets_back_ticks_on_time_for_ever() -> None:
    times = np.arange(0, 200) + 0.5
    found = at(*times, n=3)
    assert all_are(found.of("G"), *np.arange(1, 201))
    assert all_are(found.of("turn"), *np.full(200, -0.5))


def test_windows_and_remainders_of_time_open_and_close_on_time() -> None:
    found = at(just_before(5.75), 5.75, 6.25, just_after(6.25))
    assert all_are(found.of("M"), 0, 1, 1, 0)
    found = at(just_before(5.0), 5.0, 11.5, 12.0, 19.0)
    assert all_are(found.of("E"), 1, 11, 11, 21, 31)


def test_a_condition_that_holds_at_one_instant_only_is_not_missed() -> None:
    found = at(just_before(4.0), 4.0, 5.0)
    assert all_are(found.of("K"), 0, 100, 100)


def test_the_far_side_of_a_kink_is_met_too() -> None:
    found = at(just_before(8.0), 8.0)
    assert all_are(found.of("K"), 100, 1100)


def test_a_count_that_reaches_its_threshold_sets_an_event_off_at_that_reaction() -> None:
    """The third arrival of a Poisson process of rate 5: a gamma time. Two days later another event is due."""
    found = at(10.0, n=4000)
    seen = found.of("seen")[:, 0]
    assert stats.kstest(seen, stats.gamma(3, scale=0.2).cdf).pvalue > SURE
    late = simulate_replicates(happenings(), 4000, times=[2.5], seed=2)
    np.testing.assert_array_equal(late.of("N")[:, 0] == 4, seen + 2.0 <= 2.5)


def test_a_line_with_a_random_slope_is_its_integral() -> None:
    """age grows while the one molecule lives: min(its lifetime, t)."""
    lived = at(50.0, n=4000).of("age")[:, 0]
    assert stats.kstest(lived, stats.expon.cdf).pvalue > SURE
    found = at(0.5, 50.0, n=4000)
    np.testing.assert_allclose(found.of("age")[:, 0], np.minimum(found.of("age")[:, 1], 0.5), rtol=1e-15)


def test_a_rate_that_steps_with_time_is_exact() -> None:
    """Fifty molecules, each alive at t with probability exp(-0.1 min(t, 2) - 0.4 max(t - 2, 0))."""
    found = at(1.0, 2.0, 4.0, n=6000)
    for place, survival in enumerate((np.exp(-0.1), np.exp(-0.2), np.exp(-1.0))):
        law = stats.binom(50, survival)
        z = (found.of("S")[:, place].mean() - law.mean()) / (law.std() / np.sqrt(6000))
        assert abs(z) < stats.norm.isf(SURE / 2)
        spread = found.of("S")[:, place].var(ddof=1) / law.var()
        assert abs(spread - 1) < stats.norm.isf(SURE / 2) * np.sqrt(2 / 6000) * 1.1
    shown = at(just_before(2.0), 2.0)
    np.testing.assert_allclose(shown.of("step"), shown.of("S") * np.array([0.1, 0.4]))


def test_a_rate_that_a_line_switches_on_is_on_from_that_instant() -> None:
    """Nothing is lifted until pile = 2 t reaches 1; then a Poisson process of rate 4 begins."""
    found = at(0.5, 1.5, n=6000).of("L")
    assert (found[:, 0] == 0).all()
    seen = np.bincount(found[:, 1].astype(int), minlength=13)[:13]
    law = stats.poisson.pmf(np.arange(13), 4.0)
    law[-1] += 1 - law.sum()
    assert stats.chisquare(seen * 6000 / seen.sum(), law * 6000).pvalue > SURE


#: A draw every day, delays that are drawn, a random start, and two events whose order is a toss.
DRAWS = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"
 xmlns:distrib="http://www.sbml.org/sbml/level3/version1/distrib/version1" distrib:required="true"><model id="draws">
<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments>
<listOfSpecies>{species}</listOfSpecies>
<listOfParameters><parameter id="sd" value="2" constant="true"/><parameter id="t" value="0" constant="false"/>
<parameter id="rate" value="0.5" constant="true"/><parameter id="fixed" constant="true"/></listOfParameters>
<listOfInitialAssignments>{starts}</listOfInitialAssignments>
<listOfRules><rateRule variable="t"><math xmlns="http://www.w3.org/1998/Math/MathML"><cn>1</cn></math></rateRule>
</listOfRules>
<listOfReactions><reaction id="J" reversible="false"><listOfReactants>
<speciesReference species="A" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw>
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><cn>0</cn><ci>A</ci></apply></math></kineticLaw>
</reaction></listOfReactions><listOfEvents>{events}</listOfEvents></model></sbml>"""


def _math(inner: str) -> str:
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML">{inner}</math>'


def _draw(word: str, *parts: str) -> str:
    url = f"http://www.sbml.org/sbml/symbols/distrib/{word}"
    return f'<apply><csymbol encoding="text" definitionURL="{url}">{word}</csymbol>{"".join(parts)}</apply>'


def _event(id: str, trigger: str, delay: str = "", early: str = "true", **assigned: str) -> str:
    after = f"<delay>{_math(delay)}</delay>" if delay else ""
    given = "".join(f'<eventAssignment variable="{id}">{_math(value)}</eventAssignment>'
                    for id, value in assigned.items())  # fmt: skip
    head = (
        f'<event id="{id}" useValuesFromTriggerTime="{early}"><trigger initialValue="true" persistent="true">'
    )
    assigns = f"<listOfEventAssignments>{given}</listOfEventAssignments></event>"
    return f"{head}{_math(trigger)}</trigger>{after}{assigns}"


_TICK = "<apply><geq/><ci>t</ci><cn>0.5</cn></apply>"
_ONCE = "<apply><geq/><csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/time'>t</csymbol><cn>2</cn></apply>"
_LATER = _ONCE.replace("<cn>2</cn>", "<cn>3</cn>")


@cache
def drawing() -> Chance:
    species = "".join(
        f'<species id="{id}" compartment="c" initialAmount="0" hasOnlySubstanceUnits="true" '
        'boundaryCondition="false" constant="false"/>' for id in ("X", "Y", "A", "W", "V", "O", "T", "U")
    )  # fmt: skip
    starts = f'<initialAssignment symbol="A">{_math(_draw("poisson", "<cn>9</cn>"))}</initialAssignment>'
    fixed = _draw("uniform", "<cn>0</cn>", "<cn>1</cn>")
    starts += f'<initialAssignment symbol="fixed">{_math(fixed)}</initialAssignment>'
    events = [
        _event("tick", _TICK, X=_draw("normal", "<cn>1</cn>", "<ci>sd</ci>"), t="<cn>-0.5</cn>",
               Y=_draw("normal", "<cn>0</cn>", "<cn>1</cn>")),
        _event("wait", _ONCE, _draw("exponential", "<ci>rate</ci>"), W="<cn>1</cn>"),
        _event("late", _ONCE, "<cn>1</cn>", "false", V=_draw("uniform", "<cn>5</cn>", "<cn>6</cn>")),
        _event("heads", _LATER, O="<cn>1</cn>"),
        _event("tails", _LATER, O="<cn>2</cn>"),
        _event("twice", _ONCE, T=_draw("normal", _draw("normal", "<cn>0</cn>", "<cn>3</cn>"), "<cn>4</cn>")),
        _event("many", _TICK, "<cn>30</cn>", "false", U="<apply><plus/><ci>U</ci><cn>1</cn></apply>"),
    ]  # fmt: skip
    text = DRAWS.format(species=species, starts=starts, events="".join(events))
    return build_chance(
        read_model(text, where="draws"), outputs=("X", "Y", "A", "W", "V", "O", "T", "U", "fixed")
    )


@cache
def drawn() -> Trajectories:
    found = simulate_replicates(drawing(), 4000, times=[0.0, 0.5, 1.0, 1.5, 2.9, 3.0, 4.0], seed=6)
    assert found.finished.all()
    return found


def test_a_draw_belongs_to_its_place_and_its_turn_and_to_nothing_else() -> None:
    """What an event assigns is the quantile of the uniform number at (seed, event, variable, replicate, turn)."""
    luck = stream(6, "draw", "tick", "X", "0")
    numbers = np.arange(4000)
    for place, turn in ((1, 0), (3, 1)):
        np.testing.assert_allclose(
            drawn().of("X")[:, place], 1 + 2 * luck.normal(numbers, turn), rtol=1e-12, atol=1e-12
        )
    assert abs(np.corrcoef(drawn().of("X")[:, 3], drawn().of("Y")[:, 3])[0, 1]) < 0.065


def test_draws_do_not_change_until_their_event_comes_again() -> None:
    np.testing.assert_array_equal(drawn().of("X")[:, 1], drawn().of("X")[:, 2])
    assert (drawn().of("X")[:, 2] != drawn().of("X")[:, 3]).all()
    np.testing.assert_array_equal(drawn().of("fixed")[:, 0], drawn().of("fixed")[:, 6])


def test_starts_are_drawn_once_for_each_replicate() -> None:
    start = drawn().of("A")[:, 0]
    assert stats.kstest(drawn().of("fixed")[:, 0], stats.uniform.cdf).pvalue > SURE
    assert abs(start.mean() - 9) < stats.norm.isf(SURE / 2) * 3 / np.sqrt(4000)
    np.testing.assert_array_equal(start, drawn().of("A")[:, 6])


def test_a_delay_may_be_drawn() -> None:
    waited = drawn().of("W")[:, 6] == 1  # triggered at 2, looked at at 4
    assert stats.binomtest(int(waited.sum()), 4000, 1 - np.exp(-0.5 * 2.0)).pvalue > SURE


def test_values_of_the_execution_are_drawn_at_the_execution() -> None:
    assert (drawn().of("V")[:, 4] == 0).all()
    assert stats.kstest(drawn().of("V")[:, 5] - 5, stats.uniform.cdf).pvalue > SURE


def test_events_of_one_instant_come_in_an_order_tossed_for() -> None:
    last = drawn().of("O")[:, 5]
    assert set(last) == {1.0, 2.0}
    assert stats.binomtest(int((last == 1).sum()), 4000, 0.5).pvalue > SURE


def test_a_draw_within_a_draw_is_two() -> None:
    assert stats.kstest(drawn().of("T")[:, 6], stats.norm(0, 5).cdf).pvalue > SURE


def test_many_delayed_events_wait_in_a_longer_queue() -> None:
    """Thirty a replicate, more than there is room for at first."""
    found = simulate_replicates(drawing(), 20, times=[29.0, 100.5], seed=6)
    assert found.finished.all()
    assert all_are(found.of("U"), 0, 71)
    first = simulate_replicates(drawing(), 20, times=[4.0], seed=6)
    np.testing.assert_array_equal(first.of("X")[:, 0], drawn().of("X")[:20, 6])


def test_a_draw_that_makes_no_sense_fails_its_replicate() -> None:
    cohort = numbered(3).with_columns({"sd": np.array([1.0, -1.0, 1.0])}, {"sd": ""})
    found = simulate_replicates(drawing(), cohort, times=[1.0], seed=6)
    assert found.status.tolist() == [Status.FINISHED, Status.NOT_FINITE, Status.FINISHED]


ENDLESS = """
model endless
  species A; substanceOnly species A; A = 1;
  x = 0; y = 0;
  J: A => ; kd * A;
  kd = 0; late = 1;
  e1: at (time >= 1), t0=false: x = 1;
  e2: at (x > 0 && late > 2): x = -1;
  e3: at (x < 0 && late > 2): x = 1;
  e4: at late after (time >= 2): y = 1;
  e5: at (time >= 3): A = A - 2 + late;
end
"""


def test_events_that_never_end_or_make_no_sense_fail_their_replicate_alone() -> None:
    chance = build_chance(read_model(ENDLESS, where="endless"), outputs=("A", "x", "y"))
    late = np.array([2.0, 3.0, -1.0, 0.5, 0.0, 1.0])
    found = simulate_replicates(
        chance, numbered(6).with_columns({"late": late}, {"late": ""}), times=[1.5, 2.5, 4.0]
    )
    wanted = [Status.FINISHED, Status.ENDLESS_EVENTS, Status.NO_DELAY, Status.NOT_COUNTABLE, Status.NEGATIVE]
    assert found.status.tolist() == [*wanted, Status.FINISHED]
    assert found.values[5].tolist() == [[1, 1, 0], [1, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize("threads", [1, 2])
def test_events_and_draws_are_the_same_bits_on_any_threads(threads: int) -> None:
    found = simulate_replicates(
        drawing(), numbered(400, first=100), times=drawn().times, seed=6, threads=threads
    )
    np.testing.assert_array_equal(found.values, drawn().values[100:500])
