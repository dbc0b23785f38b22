"""Few cells inside a flow: against Kendall, Luria and Delbrueck, the exact engine and the flowing one; and promises.

What is true of one method is true of the other: they share the flow and the random streams, and nothing of chance.

Statistical tests have fixed seeds. With another seed, a right engine would fail each of them once in 10,000 times.
"""

from __future__ import annotations

import time
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.integrate import cumulative_simpson

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine.ensemble import advance, begin, build, simulate
from offtarget.engine.hybrid import METHODS, build_hybrid
from offtarget.engine.kernel import Kernel
from offtarget.engine.replicates import build_chance, numbered, simulate_replicates
from offtarget.errors import InputError, UnsupportedError
from offtarget.models.model import Model
from offtarget.models.sbml import read_model

SURE = 1e-4
RUNS = 20_000
UNITS = "unit cell = item; unit substance = item; unit extent = item; unit time_unit = 86400 second;"

#: A clone under a drug that is washed out, and resistant cells out of a parent that flows.
CLONES = f"""
model clones
  {UNITS}
  substanceOnly species X, N, M;
  X = x0; N = 1e4; M = 0; C = c0;
  x0 = 3; c0 = 0; b = 1; d = 1.3; e = 0.8; k = 0.7; g = 1; mu = 0; b2 = 0.9; d2 = 0.3;
  birth: => X; b * X;
  death: X => ; (d + e * C) * X;
  C' = -k * C;
  growth: => N; g * N;
  mutation: => M; mu * g * N;
  mutant_birth: => M; b2 * M;
  mutant_death: M => ; d2 * M;
end
"""
#: A pool with quiescent cells and killers: {law} is how it grows.
POOL = """
model pool
  {units}
  substanceOnly species P, Q, T;
  P = p0; Q = q0; T = t0;
  p0 = 90; q0 = 40; t0 = 2000; K = 1000; g = 0.5; wake = 0.05; rest = 0.1; kill = 2e-4; drug = 0.2; a = 0.02; r = 0.01;
  {law}
  wakes: Q => P; wake * Q;
  rests: P => Q; rest * P;
  drug_death: P => ; drug * P;
  immune_death: P => ; kill * T * P;
  expands: => T; a * T * P / (P + 100);
  leaves: T => ; r * T;
end
"""
NET_LAW = "birth: => P; g * P * (1 - P / K);"
SPLIT_LAW = "birth: => P; g * P * max(0, 1 - P / K); crowding: P => ; g * P * max(0, P / K - 1);"


@cache
def model(text: str) -> Model:
    return read_model(text, where="test")


@cache
def kernel(text: str, thresholds: float = 100.0, method: str = "firings") -> Kernel:
    return build_hybrid(model(text), thresholds=thresholds, method=method)


#: What holds from firing to firing and from step to step alike.
alike = pytest.mark.parametrize("method", METHODS)


def pool(law: str) -> str:
    return POOL.format(units=UNITS, law=law)


def followed(
    which: Kernel,
    times: object,
    *,
    seed: int,
    runs: int = RUNS,
    schedule: Schedule | None = None,
    **given: float,
) -> Trajectories:
    """The runs with these parameters; all of them have to finish."""
    numbers = np.arange(runs, dtype=np.uint64)
    cohort = Cohort(numbers, {k: np.full(runs, v) for k, v in given.items()}, dict.fromkeys(given, ""))
    found = simulate(which, cohort, schedule or Schedule.empty(runs), times=times, seed=seed)
    assert found.finished.all(), np.unique(found.status, return_counts=True)
    return found


def same_share(hits: NDArray[np.bool_], probability: float) -> None:
    assert stats.binomtest(int(hits.sum()), hits.size, probability).pvalue > SURE


def same_mean(values: NDArray[np.float64], mean: float) -> None:
    assert stats.ttest_1samp(values, mean).pvalue > SURE


def gone(
    times: NDArray[np.float64], births: NDArray[np.float64], deaths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Kendall (1948): the chance that one cell has left nobody behind, at each of finely spaced times."""
    rho = cumulative_simpson(deaths - births, x=times, initial=0)
    dead = cumulative_simpson(deaths * np.exp(rho), x=times, initial=0)
    return dead / (1.0 + dead)


@alike
@pytest.mark.parametrize("cells", [1, 3, 20])
def test_a_clone_dies_out_as_often_as_kendall_says(cells: int, method: str) -> None:
    times = np.array([0.5, 1.0, 3.0, 8.0])
    found = followed(kernel(CLONES, method=method), times, seed=cells, x0=cells).of("X")
    grid = np.linspace(0, 8, 4001)
    p = gone(grid, np.ones(4001), np.full(4001, 1.3))
    for j, at in enumerate(times):
        same_share(found[:, j] == 0, float(np.interp(at, grid, p)) ** cells)
        same_mean(found[:, j], cells * np.exp(-0.3 * at))


@alike
def test_a_clone_dies_out_as_often_as_kendall_says_while_a_drug_that_flows_is_washed_out(method: str) -> None:
    times = np.array([0.5, 1.0, 2.0, 5.0])
    found = followed(kernel(CLONES, method=method), times, seed=11, x0=6, d=0.5, c0=4.0).of("X")
    grid = np.linspace(0, 5, 4001)
    p = gone(grid, np.ones(4001), 0.5 + 0.8 * 4.0 * np.exp(-0.7 * grid))
    for j, at in enumerate(times):
        same_share(found[:, j] == 0, float(np.interp(at, grid, p)) ** 6)


@alike
def test_a_clone_dies_out_as_kendall_says_when_a_schedule_changes_its_death_and_adds_cells(
    method: str,
) -> None:
    rows = np.arange(RUNS, dtype=np.int64)
    every = np.ones(RUNS)
    schedule = Schedule.build(
        RUNS, row=np.tile(rows, 2), time=np.concatenate((0.7 * every, 1.1 * every)),
        action=np.repeat(np.array([Action.SET, Action.ADD], np.int8), RUNS),
        target=np.repeat(np.array([0, 1]), RUNS), value=np.concatenate((2.0 * every, 4.0 * every)), names=("d", "X"),
    )  # fmt: skip
    found = followed(kernel(CLONES, method=method), [2.0], seed=12, schedule=schedule, x0=5, d=0.4).of("X")[
        :, 0
    ]
    grid = np.linspace(0, 2, 20001)
    first = gone(grid, np.ones(20001), np.where(grid < 0.7, 0.4, 2.0))[-1]
    late = np.linspace(1.1, 2, 4001)
    second = gone(late, np.ones(4001), np.full(4001, 2.0))[-1]
    same_share(found == 0, float(first**5 * second**4))


def _mutants(at: float, mu: float, most: int, birth: float, death: float) -> NDArray[np.float64]:
    """The chances of 0, 1, ... mutants at a time, from a parent 1e4 exp(t): each mutation is a clone of its own.

    The generating function of a linear birth-death process (Kendall 1948), summed over Poisson arrivals, inverted on
    the unit circle. With death 0 and birth 1 it is the distribution of Luria and Delbrueck (Lea and Coulson 1949).
    """
    points = 4096
    z = 0.999 * np.exp(2j * np.pi * np.arange(points) / points)
    ages, weights = np.polynomial.legendre.leggauss(400)
    ages, weights = 0.5 * at * (ages + 1.0), 0.5 * at * weights
    log_g = np.zeros(points, complex)
    for age, weight in zip(ages, weights, strict=True):
        shrink = np.exp(-(birth - death) * age)
        one = ((z - 1) * death - shrink * (birth * z - death)) / (
            (z - 1) * birth - shrink * (birth * z - death)
        )
        log_g += weight * mu * 1e4 * np.exp(at - age) * (one - 1)
    return np.real(np.fft.fft(np.exp(log_g)))[:most] / points / 0.999 ** np.arange(most)


@alike
@pytest.mark.parametrize(("birth", "death"), [(1.0, 0.0), (0.9, 0.3)])
def test_mutants_of_a_parent_that_flows_are_distributed_as_luria_and_delbrueck(
    birth: float, death: float, method: str
) -> None:
    times, mu = (2.0, 5.0), 1e-6
    found = followed(kernel(CLONES, method=method), times, seed=21, x0=0, mu=mu, b2=birth, d2=death).of("M")
    for j, at in enumerate(times):
        chances = _mutants(at, mu, 60, birth, death)
        edges = [0, 1, 2, 3, 4, 6, 9, 14, 22, 60, np.inf]
        expected = np.array([chances[a : int(min(b, 60))].sum() if a < 60 else 1 - chances.sum()
                             for a, b in pairwise(edges)])  # fmt: skip
        counts = np.histogram(found[:, j], np.array(edges))[0]
        keep = expected * RUNS >= 5
        counts, expected = (
            counts[keep],
            expected[keep] * RUNS,
        )  # what is rarer is one more class, taken as the rest
        rest = RUNS - expected.sum()
        score = float(
            np.sum((counts - expected) ** 2 / expected) + (RUNS - counts.sum() - rest) ** 2 / max(rest, 1.0)
        )
        assert stats.chi2.sf(score, counts.size) > SURE


@alike
def test_the_first_mutant_whose_line_survives_comes_as_a_thinned_poisson_process(method: str) -> None:
    """Long after influx has stopped, a line is there or gone for good: nobody there means that no survivor came."""
    rows = np.arange(RUNS, dtype=np.int64)
    stops = np.linspace(1.0, 5.0, 5)
    when = np.repeat(stops, RUNS // 5)
    schedule = Schedule.build(RUNS, row=rows, time=when, action=np.full(RUNS, Action.SET, np.int8),
                              target=np.zeros(RUNS, np.int64), value=np.zeros(RUNS), names=("mu",))  # fmt: skip
    found = followed(
        kernel(CLONES, method=method), [30.0], seed=31, schedule=schedule, x0=0, mu=2e-6, b2=0.9, d2=0.3
    ).of("M")[:, 0]
    for stop in stops:
        survivors = 2e-6 * 1e4 * (np.exp(stop) - 1) * (1 - 0.3 / 0.9)
        same_share(found[when == stop] == 0, float(np.exp(-survivors)))


@alike
def test_the_mean_of_a_clone_that_shrinks_through_the_threshold_is_the_flow(method: str) -> None:
    times = np.array([1.0, 3.0, 6.0, 10.0])
    found = followed(kernel(CLONES, method=method), times, seed=41, x0=150.5)
    for j, at in enumerate(times):
        same_mean(found.of("X")[:, j], 150.5 * np.exp(-0.3 * at)) if at > 1.0 else None
    if method == "firings":  # above the threshold everybody has the same
        assert found.of("X")[:, 0] == pytest.approx(150.5 * np.exp(-0.3), rel=1e-5)
    else:  # above it, too, births and deaths spread
        m, w = np.exp(-0.3), 1.0 + (1.0 - np.exp(-0.3)) / 0.3
        spread = 150.5 * m * (2.0 * w - 1.0 - m)
        assert found.of("X")[:, 0].var() == pytest.approx(spread, rel=0.1)


@alike
def test_a_start_between_two_whole_numbers_is_rounded_by_a_draw_that_keeps_the_mean(method: str) -> None:
    found = followed(kernel(CLONES, method=method), [0.0], seed=42, x0=2.25).of("X")[:, 0]
    assert set(found) == {2.0, 3.0}
    same_share(found == 3.0, 0.25)


def test_where_every_count_is_whole_it_is_the_exact_engine_firing_by_firing() -> None:
    times = [0.5, 2.0, 5.0]
    exact = simulate_replicates(build_chance(model(pool(SPLIT_LAW))), numbered(300), times=times, seed=5)
    found = followed(kernel(pool(SPLIT_LAW), np.inf), times, seed=5, runs=300)
    for name in ("P", "Q", "T"):
        assert np.array_equal(found.of(name), exact.of(name))


@alike
@pytest.mark.slow
@pytest.mark.parametrize("law", [NET_LAW, SPLIT_LAW])
def test_a_small_pool_is_distributed_as_in_the_exact_engine(law: str, method: str) -> None:
    """Killers flow here and are counted there; where the pool is too full, growth is death, one cell at a time."""
    times = [1.0, 4.0, 8.0, 15.0, 30.0]
    cohort = Cohort(np.arange(RUNS, dtype=np.uint64), {"K": np.full(RUNS, 60.0)}, {"K": ""})
    exact = simulate_replicates(build_chance(model(pool(SPLIT_LAW))), cohort, times=times, seed=6)
    found = followed(kernel(pool(law), method=method), times, seed=7, K=60.0)
    for name in ("P", "Q"):
        for j in range(len(times)):
            assert stats.ks_2samp(found.of(name)[:, j], exact.of(name)[:, j]).pvalue > SURE


@alike
@pytest.mark.slow
def test_thresholds_of_50_100_and_200_agree_on_who_is_cured(method: str) -> None:
    cells = [
        (
            found := followed(
                kernel(pool(NET_LAW), one, method), [120.0, 160.0], seed=int(one), p0=400, q0=30, drug=0.6
            )
        ).of("P")
        + found.of("Q")
        for one in (50.0, 100.0, 200.0)
    ]
    for j in range(2):
        table = np.array([[np.sum(one[:, j] == 0), np.sum(one[:, j] > 0)] for one in cells])
        assert 0.02 < table[0, 0] / RUNS < 0.98
        assert stats.chi2_contingency(table).pvalue > SURE


@alike
def test_what_is_never_counted_flows_as_in_the_flowing_engine(method: str) -> None:
    times = [1.0, 10.0, 40.0]
    found = followed(kernel(pool(NET_LAW), 0.0, method), times, seed=1, runs=3)
    flow = simulate(build(model(pool(NET_LAW))), Cohort(np.arange(3, dtype=np.uint64), {}, {}), Schedule.empty(3),
                    times=times)  # fmt: skip
    assert found.values == pytest.approx(flow.values, rel=1e-4)


@alike
def test_cells_that_only_turn_into_each_other_are_neither_lost_nor_made(method: str) -> None:
    which, times = kernel(pool(NET_LAW), method=method), np.linspace(0, 40, 21)
    found = followed(which, times, seed=51, runs=2000, g=0, drug=0, kill=0, p0=130, q0=20)
    assert np.abs(found.of("P") + found.of("Q") - 150.0).max() < 1e-6 * 150 + 1.0 - 1e-9
    counted = followed(which, times, seed=51, runs=2000, g=0, drug=0, kill=0, p0=60, q0=20)
    assert np.array_equal(counted.of("P") + counted.of("Q"), np.full((2000, 21), 80.0))


@alike
def test_counts_are_whole_below_the_threshold_and_never_negative(method: str) -> None:
    found = followed(
        kernel(pool(NET_LAW), method=method), np.linspace(0, 60, 61), seed=52, runs=3000, p0=150, drug=0.5
    ).of("P")
    few = found[found < 100]
    assert np.array_equal(few, np.round(few))
    assert found.min() == 0.0


@alike
def test_threads_company_and_pauses_do_not_change_a_bit(method: str) -> None:
    which, times = kernel(pool(NET_LAW), method=method), np.array([0.3, 2.0, 9.0, 30.0])
    numbers = np.arange(500, dtype=np.uint64)

    def through(rows: NDArray[np.uint64], threads: int) -> NDArray[np.float64]:
        cohort = Cohort(rows, {}, {})
        return simulate(which, cohort, Schedule.empty(rows.size), times=times, seed=3, threads=threads).values

    whole = through(numbers, 1)
    assert np.array_equal(whole, through(numbers, 3))
    assert np.array_equal(whole[400:], through(numbers[400:], 1))
    assert np.array_equal(whole[::-1], through(numbers[::-1].copy(), 2))
    course = begin(which, Cohort(numbers, {}, {}), seed=3)
    for j, at in enumerate(times):
        advance(which, course, Schedule.empty(500), 0.5 * at)  # a look that nobody asked for
        assert np.array_equal(whole[:, j], advance(which, course, Schedule.empty(500), at))


def test_an_event_that_comes_up_inside_a_step_is_as_good_as_one_known_beforehand() -> None:
    which, rows = kernel(CLONES), np.arange(400, dtype=np.int64)
    cohort = Cohort(rows.astype(np.uint64), {}, {})
    schedule = Schedule.build(400, row=rows, time=np.full(400, 1.0), action=np.full(400, Action.SET, np.int8),
                              target=np.zeros(400, np.int64), value=np.full(400, 0.1), names=("d",))  # fmt: skip
    known = simulate(which, cohort, schedule, times=[3.0], seed=8).of("X")[:, 0]
    course = begin(which, cohort, seed=8)
    advance(which, course, Schedule.empty(400), 1.0)
    late = advance(which, course, schedule, 3.0)[:, which.outputs.index("X")]
    assert np.mean(known != late) < 0.02  # a step that ends elsewhere rounds its instants elsewhere
    assert known.mean() > 2.0


def test_another_reaction_leaves_the_luck_of_the_others_alone() -> None:
    alone = (
        f"model lonely\n {UNITS} substanceOnly species X; X = 9; birth: => X; X; death: X => ; 1.1 * X; end"
    )
    paired = alone.replace("end", "substanceOnly species Y; Y = 5; arrives: => Y; 2; goes: Y => ; Y; end")
    one = followed(kernel(alone), [4.0], seed=9, runs=500).of("X")
    two = followed(kernel(paired), [4.0], seed=9, runs=500).of("X")
    assert np.array_equal(one, two)


@alike
def test_what_stops_a_patient_is_said(method: str) -> None:
    which = kernel(CLONES, method=method)
    cohort = Cohort(np.arange(4, dtype=np.uint64), {"d": np.array([1.3, -1.0, np.nan, 1.3])}, {"d": ""})
    found = simulate(which, cohort, Schedule.empty(4), times=[0.0, 2.0], seed=1)
    assert [*found.status] == [Status.FINISHED, Status.NEGATIVE, Status.NOT_FINITE, Status.FINISHED]
    assert np.isnan(found.values[1, 1]).all() and not np.isnan(found.values[0]).any()
    short = simulate(which, cohort, Schedule.empty(4), times=[20.0], seed=1, budget=5)
    assert short.status[0] == Status.TOO_MANY_STEPS
    late = simulate(which, cohort, Schedule.empty(4), times=[20.0], seed=1, deadline=time.monotonic() - 1.0)
    assert late.status[0] == Status.TIMED_OUT


@pytest.mark.parametrize(
    ("text", "thresholds", "says"),
    [
        ("substanceOnly species X; X = 5; J: X => ; X; at time > 3: X = 2;", 100.0, "event"),
        (
            "substanceOnly species X; X = 5; J: X => ; piecewise(X, time < 3, 2 * X);",
            100.0,
            "instant in time",
        ),
        ("substanceOnly species X; X = 5; J: 0.5 X => ; X;", 100.0, "by -0.5"),
        ("substanceOnly species X; X = 5; J: X => ; X;", {"Y": 10.0}, '"Y"'),
        ("substanceOnly species X; X = 5; J: X => ; X;", {"X": -1.0}, "from 0"),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(
    text: str, thresholds: float | dict[str, float], says: str
) -> None:
    with pytest.raises((InputError, UnsupportedError), match=says):
        build_hybrid(read_model(f"model wrong\n {UNITS} {text} end", where="wrong"), thresholds=thresholds)
