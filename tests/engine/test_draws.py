"""Draws from distributions are the quantiles they say they are, within bounds too, and nonsense is not a number."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numba import njit
from scipy import stats

from offtarget.engine import draws
from offtarget.engine.incomplete import beta_shares, gamma_shares, normal_quantile
from offtarget.engine.luck import pair, uniform
from offtarget.randomness import philox, stream

INF = float("inf")
LUCK = stream(7, "draws").uniform(np.arange(400))
LUCK = np.concatenate([LUCK, [1e-15, 1e-9, 0.5, 1 - 1e-9]])

#: Draw, its parameters, and the same distribution elsewhere.
CONTINUOUS = {
    "normal": ((1.0, 2.0), stats.norm(1, 2)),
    "lognormal": ((1.0, 0.5), stats.lognorm(0.5, scale=np.e)),
    "exponential": ((0.5,), stats.expon(scale=2)),
    "rayleigh": ((2.0,), stats.rayleigh(scale=2)),
    "laplace": ((1.0, 2.0), stats.laplace(1, 2)),
    "cauchy": ((1.0, 2.0), stats.cauchy(1, 2)),
    "chisquare": ((3.0,), stats.chi2(3)),
    "gamma": ((2.0, 1.1), stats.gamma(2, scale=1.1)),
    "gamma of a small shape": ((0.05, 1.1), stats.gamma(0.05, scale=1.1)),
    "gamma of a large shape": ((3e4, 0.1), stats.gamma(3e4, scale=0.1)),
}
COUNTS = {
    "poisson": ((3.0,), stats.poisson(3)),
    "poisson of a small mean": ((0.01,), stats.poisson(0.01)),
    "poisson of a large mean": ((3e4,), stats.poisson(3e4)),
    "binomial": ((100.0, 0.2), stats.binom(100, 0.2)),
    "binomial of many": ((1e6, 0.3), stats.binom(1_000_000, 0.3)),
    "binomial of certain": ((10.0, 1.0), stats.binom(10, 1)),
}


@cache
def compiled(name: str) -> Callable[..., float]:
    """A draw that Python can call."""
    function = getattr(draws, name.split()[0])
    if name.split()[0] in ("normal", "lognormal", "laplace", "cauchy", "gamma", "binomial"):
        return njit(lambda u, a, b, low, high: function(u, a, b, low, high))
    if name.split()[0] == "bernoulli":
        return njit(lambda u, a: function(u, a))
    return njit(lambda u, a, low, high: function(u, a, low, high))


def drawn(name: str, parameters: tuple[float, ...], low: float = -INF, high: float = INF) -> np.ndarray:
    draw = compiled(name)
    return np.array([draw(u, *parameters, low, high) for u in LUCK])


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_draw_is_the_quantile_of_its_uniform_number(name: str) -> None:
    parameters, known = CONTINUOUS[name]
    found = drawn(name, parameters)
    np.testing.assert_allclose(known.cdf(found[LUCK < 0.9]), LUCK[LUCK < 0.9], rtol=1e-9)
    np.testing.assert_allclose(known.sf(found[LUCK > 0.1]), (1 - LUCK)[LUCK > 0.1], rtol=1e-9, atol=1e-16)
    assert (np.diff(found[np.argsort(LUCK)]) >= 0).all()


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("window", [(0.2, 0.7), (0.9, 0.9999999)], ids=["middle", "tail"])
def test_a_draw_within_bounds_is_the_quantile_between_them(name: str, window: tuple[float, float]) -> None:
    parameters, known = CONTINUOUS[name]
    low, high = known.ppf(window)
    found = drawn(name, parameters, low, high)
    assert ((found >= low) & (found <= high)).all()
    share = (known.cdf(found) - known.cdf(low)) / (known.cdf(high) - known.cdf(low))
    np.testing.assert_allclose(share, LUCK, atol=1e-8)


def test_bounds_far_out_leave_the_tail_its_shape() -> None:
    """Beyond ten standard deviations the excess is nearly exponential; one minus a share would be nothing there."""
    found = drawn("normal", (0.0, 1.0), 10.0, INF)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(stats.norm.sf(found) / stats.norm.sf(10.0), 1 - LUCK, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize("name", COUNTS)
def test_a_drawn_count_is_the_least_that_reaches_its_share(name: str) -> None:
    parameters, known = COUNTS[name]
    found = drawn(name, parameters)
    assert (found == np.floor(found)).all()
    assert (known.cdf(found) >= LUCK - 1e-12).all()
    assert (known.cdf(found - 1) <= LUCK + 1e-12).all()


def test_bounds_of_a_count_may_be_drawn_themselves() -> None:
    found = drawn("binomial", (100.0, 0.2), 15.0, 18.0)
    assert set(found) == {15.0, 16.0, 17.0, 18.0}
    known = stats.binom(100, 0.2)
    share = known.pmf(15) / (known.cdf(18) - known.cdf(14))
    assert np.mean(found == 15.0) == pytest.approx(share, abs=0.06)
    assert set(drawn("poisson", (3.0,), 2.5, 4.5)) == {3.0, 4.0}


def test_what_makes_no_sense_is_not_a_number() -> None:
    for name, parameters in {
        "normal": (0.0, -1.0), "gamma": (-1.0, 1.0), "exponential": (0.0,), "poisson": (-1.0,), "rayleigh": (0.0,),
        "binomial": (2.5, 0.5), "laplace": (0.0, -1.0), "cauchy": (0.0, 0.0), "chisquare": (-2.0,),
    }.items():  # fmt: skip
        assert np.isnan(drawn(name, parameters)).all(), name
    assert np.isnan(drawn("normal", (0.0, 1.0), 2.0, 1.0)).all()
    assert np.isnan(drawn("poisson", (1.0,), 1.2, 1.8)).all()
    assert np.isnan(compiled("bernoulli")(0.5, 1.5))


def test_a_spread_of_nothing_draws_the_mean() -> None:
    assert set(drawn("normal", (3.0, 0.0))) == {3.0}


def test_a_bernoulli_draw_is_one_as_often_as_it_says() -> None:
    found = [compiled("bernoulli")(u, 0.3) for u in (np.arange(1000) + 0.5) / 1000]
    assert sum(found) == 300


def test_shares_add_up_and_agree_with_an_independent_implementation() -> None:
    from scipy import special

    gamma, beta, normal = (njit(lambda a, x: gamma_shares(a, x)), njit(lambda a, b, x: beta_shares(a, b, x)),
                           njit(lambda p, q: normal_quantile(p, q)))  # fmt: skip
    for shape in (1e-3, 0.5, 3.0, 40.0, 2e3, 9e5, 5e6):
        for x in shape + np.sqrt(shape) * np.array([-3.0, -0.5, 0.0, 1e-3, 1.0, 4.0]):
            if x > 0:
                below, above = gamma(shape, x)
                assert below == pytest.approx(special.gammainc(shape, x), rel=1e-8, abs=1e-11)
                assert above == pytest.approx(special.gammaincc(shape, x), rel=1e-8, abs=1e-11)
    for a, b, x in ((0.5, 0.5, 0.1), (2.0, 30.0, 0.05), (400.0, 3.0, 0.99), (1e5, 2e5, 0.3334)):
        assert beta(a, b, x) == pytest.approx((special.betainc(a, b, x), special.betaincc(a, b, x)), rel=1e-9)
    for p in (1e-300, 1e-20, 0.01, 0.4999, 0.5):
        assert normal(p, 1 - p) == pytest.approx(stats.norm.ppf(p), rel=1e-13, abs=1e-13)


def test_two_uniform_numbers_come_of_one_turn_of_the_generator() -> None:
    """The first is the stream's own; the second is made of the two words that it leaves."""
    luck = stream(3, "anything")
    keys = np.array([*luck.key, luck.salt])
    both = njit(lambda i, j: pair(keys, i, j))(17, 4)
    words = philox(tuple(np.array([x], np.uint64) for x in (17, 4, luck.salt, 0)), luck.key)
    bits = (int(words[2][0]) << 20) | (int(words[3][0]) >> 12)
    assert both == (float(luck.uniform(17, 4)), (bits + 0.5) * 2.0**-52)
    assert njit(lambda i, j: uniform(keys, i, j))(17, 4) == both[0]
