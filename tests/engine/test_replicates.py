"""Counts that change by chance: against closed forms, the master equation, a slow twin, and hostile numbers.

Statistical tests have fixed seeds. With another seed, a right engine would fail each of them once in 10,000 times.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import expm

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine.replicates import Chance, build_chance, numbered, simulate_replicates
from offtarget.errors import InputError
from offtarget.models.model import Model
from offtarget.models.sbml import read_model
from offtarget.randomness import philox, stream

SURE = 1e-4

#: Six systems side by side that do not touch each other: one compilation for all of them.
ZOO = """
model zoo
  species X, Z, P, P2, D, Q, W;
  substanceOnly species X, Z, P, P2, D, Q, W;
  X = 0; Z = z0; P = 30; P2 = 0; D = 20; Q = 3; W = w0;
  arrive: => X; alpha;
  leave: X => ; mu * X;
  birth: Z => 2 Z; lambda * Z;
  death: Z => ; delta * Z;
  pairing: 2 P => P2; k1 * P * (P - 1) / 2;
  parting: P2 => 2 P; k2 * P2;
  decay: D => ; D;
  theft: Q => ; kq;
  filling: => W; kw * (1 - W);
  alpha = 10; mu = 0.5; lambda = 0.3; delta = 0.2; k1 = 0.01; k2 = 0.1; kq = 0; kw = 1;
  z0 = 1; w0 = 0;
end
"""
TIMES = np.array([0.0, 0.5, 1.0, 3.0, 10.0])
RUNS = 20_000


@cache
def zoo_model() -> Model:
    return read_model(ZOO, where="zoo")


@cache
def zoo() -> Chance:
    return build_chance(zoo_model())


@cache
def many() -> Trajectories:
    """The zoo, many times over."""
    found = simulate_replicates(zoo(), RUNS, times=TIMES, seed=3)
    assert found.finished.all()
    return found


def fits(counts: NDArray[np.float64], law: NDArray[np.float64]) -> float:
    """The probability of so bad a fit of counts 0, 1, 2, ... to their probabilities; rare ones count as one."""
    seen = np.bincount(counts.astype(int), minlength=law.size)[: law.size].astype(float)
    rest = counts.size - seen.sum()
    expected = law * counts.size
    common = expected >= 8
    observed = np.append(seen[common], seen[~common].sum() + rest)
    wanted = np.append(expected[common], counts.size - expected[common].sum())
    if wanted[-1] < 1e-6:
        assert observed[-1] == 0
        observed, wanted = observed[:-1], wanted[:-1]
    return float(stats.chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue)


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_immigration_and_death_leave_a_poisson_number(place: int) -> None:
    mean = 10 / 0.5 * (1 - np.exp(-0.5 * TIMES[place]))
    assert fits(many().of("X")[:, place], stats.poisson.pmf(np.arange(80), mean)) > SURE


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_birth_and_death_from_one_cell_end_in_extinction_or_a_geometric_number(place: int) -> None:
    """Kendall (1948): P(0) = a and P(n) = (1 - a) (1 - b) b^(n - 1)."""
    birth, death, t = 0.3, 0.2, TIMES[place]
    grown = np.exp((birth - death) * t)
    a, b = death * (grown - 1) / (birth * grown - death), birth * (grown - 1) / (birth * grown - death)
    n = np.arange(1, 400)
    law = np.concatenate([[a], (1 - a) * (1 - b) * b ** (n - 1)])
    found = many().of("Z")[:, place]
    assert fits(found, law) > SURE
    mean, variance = grown, grown * (grown - 1) * (birth + death) / (birth - death)
    assert abs(found.mean() - mean) < stats.norm.isf(SURE / 2) * np.sqrt(variance / RUNS)
    extinct = found == 0
    assert stats.binomtest(int(extinct.sum()), RUNS, a).pvalue > SURE


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_dimers_follow_the_chemical_master_equation(place: int) -> None:
    """Fifteen pairs at most: sixteen states, whose equation a matrix exponential solves."""
    states = np.arange(16)
    free = 30 - 2 * states
    up, down = 0.01 * free * (free - 1) / 2, 0.1 * states
    rates = np.diag(up[:-1], -1) + np.diag(down[1:], 1) - np.diag(up + down)
    law = expm(rates * TIMES[place])[:, 0]
    assert fits(many().of("P2")[:, place], law) > SURE


def test_nothing_is_lost_when_molecules_pair() -> None:
    np.testing.assert_array_equal(many().of("P") + 2 * many().of("P2"), 30)


def test_counts_are_whole_numbers_that_are_not_negative() -> None:
    values = many().values
    assert (values == np.floor(values)).all()
    assert (values >= 0).all()


def test_what_has_decayed_stays_away_for_ever() -> None:
    """Twenty molecules that die at rate 1; then every propensity is zero, and a billion days pass at once."""
    quiet = columns(2000, alpha=0.0, z0=0.0, k1=0.0)
    found = simulate_replicates(zoo(), quiet, times=[0.0, 1.0, 60.0, 1e9], seed=5)
    assert fits(found.of("D")[:, 1], stats.binom.pmf(np.arange(21), 20, np.exp(-1.0))) > SURE
    assert (found.of("D")[:, 2:] == 0).all()
    assert (found.of("W")[:, 2:] == 1).all()
    assert found.steps.max() < 30


def test_luck_is_that_of_the_named_streams_and_the_algorithm_that_of_a_slow_twin() -> None:
    """A loop in Python over the same streams: each reaction a Poisson process in its own time."""
    found = simulate_replicates(zoo(), 6, times=TIMES, seed=11)
    names = [one.id for one in zoo_model().reactions]
    for number in range(6):
        np.testing.assert_array_equal(found.values[number], _twin(names, number, seed=11))


def _twin(names: list[str], number: int, *, seed: int) -> NDArray[np.float64]:
    values = {one.id: one.value for one in zoo_model().parameters}
    state = {"X": 0.0, "Z": values["z0"], "P": 30.0, "P2": 0.0, "D": 20.0, "Q": 3.0, "W": values["w0"]}
    changes = {one.id: one.changes for one in zoo_model().reactions}

    def rates() -> dict[str, float]:
        return {
            "arrive": values["alpha"], "leave": values["mu"] * state["X"], "birth": values["lambda"] * state["Z"],
            "death": values["delta"] * state["Z"], "pairing": values["k1"] * state["P"] * (state["P"] - 1) / 2,
            "parting": values["k2"] * state["P2"], "decay": state["D"], "theft": values["kq"],
            "filling": values["kw"] * (1 - state["W"]),
        }  # fmt: skip

    fired = dict.fromkeys(names, 0)
    left = {name: _ahead(seed, name, number, 0) for name in names}
    now, rows = 0.0, []
    for until in TIMES:
        while True:
            pace = rates()
            wait = {name: left[name] / pace[name] if pace[name] > 0 else np.inf for name in names}
            first = min(wait, key=lambda name: wait[name])
            if now + wait[first] > until:
                break
            for name in names:
                left[name] -= pace[name] * wait[first]
            now += wait[first]
            fired[first] += 1
            left[first] = _ahead(seed, first, number, fired[first])
            for species, amount in changes[first]:
                state[species] += amount
        # the twin keeps its own times at the last reaction, so that nothing is taken off twice
        rows.append([state[name] if name in state else values[name] for name in zoo().outputs])
    return np.array(rows)


def _ahead(seed: int, name: str, number: int, turn: int) -> float:
    luck = stream(seed, "reaction", name)
    words = philox(tuple(np.array([x], np.uint64) for x in (number, turn // 2, luck.salt, 0)), luck.key)
    high, low = (int(words[2 * (turn % 2) + i][0]) for i in (0, 1))
    return float(-np.log((((high << 20) | (low >> 12)) + 0.5) * 2.0**-52))


def test_the_same_bits_on_any_threads_and_in_any_company() -> None:
    whole = simulate_replicates(zoo(), 300, times=TIMES, seed=9, threads=1)
    two = simulate_replicates(zoo(), 300, times=TIMES, seed=9, threads=2)
    np.testing.assert_array_equal(whole.values, two.values)
    np.testing.assert_array_equal(whole.steps, two.steps)
    late = simulate_replicates(zoo(), numbered(7, first=290), times=TIMES, seed=9, threads=2)
    np.testing.assert_array_equal(whole.values[290:297], late.values)
    order = np.random.default_rng(1).permutation(300)
    mixed = simulate_replicates(zoo(), numbered(300).take(order), times=TIMES, seed=9)
    np.testing.assert_array_equal(whole.values[order], mixed.values)
    other = simulate_replicates(zoo(), 300, times=TIMES, seed=10)
    assert not np.array_equal(whole.values, other.values)


def test_looking_more_often_changes_nothing() -> None:
    few = simulate_replicates(zoo(), 50, times=TIMES, seed=2)
    often = simulate_replicates(zoo(), 50, times=np.linspace(0, 10, 201), seed=2)
    np.testing.assert_array_equal(few.values[:, -1], often.values[:, -1])
    np.testing.assert_array_equal(few.values[:, 1], often.values[:, 10])


def columns(n: int, **values: object) -> Cohort:
    full = {name: np.broadcast_to(np.asarray(one, float), (n,)).copy() for name, one in values.items()}
    return Cohort(np.arange(n, dtype=np.uint64), full, dict.fromkeys(full, ""))


def test_paired_replicates_differ_by_less_than_strangers() -> None:
    """A drug that slows births by a tenth: with the luck in common its effect shows in far fewer replicates."""
    n = 2000
    plain = simulate_replicates(zoo(), columns(n, z0=20.0), times=[5.0], seed=4).of("Z")[:, 0]
    treated = simulate_replicates(zoo(), columns(n, z0=20.0, **{"lambda": 0.27}), times=[5.0], seed=4)
    stranger = simulate_replicates(zoo(), columns(n, z0=20.0, **{"lambda": 0.27}), times=[5.0], seed=5)
    paired = np.var(plain - treated.of("Z")[:, 0])
    assert np.var(plain - stranger.of("Z")[:, 0]) > 5 * paired


def test_a_parameter_of_one_reaction_leaves_the_luck_of_the_others() -> None:
    plain = simulate_replicates(zoo(), 100, times=TIMES, seed=4)
    faster = simulate_replicates(zoo(), columns(100, alpha=30.0), times=TIMES, seed=4)
    for name in ("Z", "P", "P2", "D"):
        np.testing.assert_array_equal(plain.of(name), faster.of(name))
    assert not np.array_equal(plain.of("X"), faster.of("X"))


def test_one_bad_replicate_fails_alone_and_says_how() -> None:
    bad = columns(8, z0=1.0, kq=0.0, kw=1.0, w0=0.0)
    bad.columns["z0"][1], bad.columns["z0"][2], bad.columns["z0"][3] = 2.5, 1e300, np.nan
    bad.columns["z0"][4], bad.columns["kq"][5], bad.columns["w0"][6] = -1.0, 5.0, 2.0
    bad.columns["kw"][7] = 1e400
    found = simulate_replicates(zoo(), bad, times=TIMES, seed=1)
    wanted = [Status.FINISHED, Status.NOT_COUNTABLE, Status.NOT_COUNTABLE, Status.NOT_FINITE, Status.NEGATIVE,
              Status.NEGATIVE, Status.NEGATIVE, Status.NOT_FINITE]  # fmt: skip
    assert found.status.tolist() == wanted
    assert np.isnan(found.values[1:, -1]).all()
    alone = simulate_replicates(zoo(), 1, times=TIMES, seed=1)
    np.testing.assert_array_equal(found.values[0], alone.values[0])
    assert "whole number" in Status.NOT_COUNTABLE.sentence


def test_a_budget_stops_the_same_replicate_at_the_same_place() -> None:
    found = simulate_replicates(zoo(), columns(40, z0=[0.0] * 39 + [1e6]), times=TIMES, seed=1, budget=5000)
    assert found.status[:39].tolist() == [Status.FINISHED] * 39
    assert found.status[39] == Status.TOO_MANY_STEPS


def test_none_at_all_is_a_start_too() -> None:
    found = simulate_replicates(zoo(), columns(5, z0=0.0), times=TIMES, seed=1)
    assert (found.of("Z") == 0).all()
    assert simulate_replicates(zoo(), 0, times=TIMES).values.shape == (0, 5, len(zoo().outputs))
    assert simulate_replicates(zoo(), 3, times=[]).values.shape == (3, 0, len(zoo().outputs))


def test_a_schedule_doses_counts_and_sets_parameters_between_reactions() -> None:
    """Until t = 1 nobody dies; then twenty more come and the clock of death starts: all exact."""
    rows = [(0.0, Action.SET, "delta", 0.0), (0.0, Action.SET, "lambda", 0.0), (1.0, Action.ADD, "Z", 20.0),
            (1.0, Action.SET, "delta", 0.7)]  # fmt: skip
    n = 5000
    names = tuple(dict.fromkeys(row[2] for row in rows))
    schedule = Schedule.build(
        n, row=np.repeat(np.arange(n), len(rows)), time=np.tile([row[0] for row in rows], n),
        action=np.tile(np.array([row[1] for row in rows], np.int8), n),
        target=np.tile([names.index(row[2]) for row in rows], n), value=np.tile([row[3] for row in rows], n),
        names=names,
    )  # fmt: skip
    found = simulate_replicates(zoo(), n, schedule, times=[1.0, 1.000001, 3.0], seed=8).of("Z")
    assert (found[:, 0] == 1).all()
    assert found[:, 1].mean() == pytest.approx(21.0, abs=0.01)
    assert fits(found[:, 2], stats.binom.pmf(np.arange(22), 21, np.exp(-0.7 * 2.0))) > SURE


def test_wrong_words_are_told() -> None:
    with pytest.raises(InputError, match="ascending order"):
        simulate_replicates(zoo(), 3, times=[1.0, 0.0])
    with pytest.raises(InputError, match='no output "Y"'):
        build_chance(zoo_model(), outputs=("Y",))
    with pytest.raises(InputError, match="one or more"):
        simulate_replicates(zoo(), 3, times=[1.0], threads=0)
    with pytest.raises(InputError, match="events of 3 patients"):
        simulate_replicates(zoo(), 3, Schedule.empty(2), times=[1.0])
