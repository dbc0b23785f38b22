"""How a quantity varies between patients. The oracle is scipy.stats."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from offtarget.distributions import SHAPES, Distribution, correlate
from offtarget.errors import InputError
from offtarget.evidence import Evidence, Grade
from offtarget.randomness import stream

_WHY = Evidence("", Grade.ASSUMED, "a test")
_U = np.concatenate(([1e-12, 1e-6], np.linspace(0.001, 0.999, 97), [1 - 1e-6, 1 - 1e-12]))
_NORMAL_CUT = dict(mean=1.0, sd=2.0, low=-1.0, high=2.5)
_ORACLES = [
    ("normal", {"mean": 3.0, "sd": 2.0}, stats.norm(3, 2)),
    ("truncated_normal", _NORMAL_CUT, stats.truncnorm(-1.0, 0.75, loc=1, scale=2)),
    ("lognormal", {"median": 14.3, "log_sd": 0.356}, stats.lognorm(0.356, scale=14.3)),
    ("uniform", {"low": -2.0, "high": 5.0}, stats.uniform(-2, 7)),
    ("loguniform", {"low": 0.01, "high": 100.0}, stats.loguniform(0.01, 100)),
    ("beta", {"a": 9.0, "b": 1.5}, stats.beta(9, 1.5)),
    ("poisson", {"mean": 3.7}, stats.poisson(3.7)),
]
_GOOD = {
    "constant": {"value": 2.0},
    "bernoulli": {"probability": 0.3},
    **{shape: arguments for shape, arguments, _ in _ORACLES},
}


def _make(shape: str, arguments: dict[str, float], unit: str = "") -> Distribution:
    return Distribution(shape, arguments, unit, _WHY)


def test_every_shape_is_tested_here() -> None:
    assert set(_GOOD) == set(SHAPES)


@pytest.mark.parametrize(
    ("shape", "arguments", "oracle"), _ORACLES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_quantiles_agree_with_scipy(
    shape: str, arguments: dict[str, float], oracle: stats.rv_continuous
) -> None:
    np.testing.assert_allclose(_make(shape, arguments).quantile(_U), oracle.ppf(_U), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_normal_cut_far_out_in_its_tail_keeps_its_digits(sign: int) -> None:
    low, high = (9.0, 10.0) if sign > 0 else (-10.0, -9.0)
    found = _make("truncated_normal", {"mean": 0.0, "sd": 1.0, "low": low, "high": high}).quantile(_U)
    np.testing.assert_allclose(found, stats.truncnorm(low, high).ppf(_U), rtol=1e-7)


def test_a_bernoulli_is_one_for_its_share_of_patients() -> None:
    assert _make("bernoulli", {"probability": 0.25}).quantile([0.1, 0.2499, 0.2501, 0.9]).tolist() == [
        1,
        1,
        0,
        0,
    ]


def test_what_does_not_vary_is_constant() -> None:
    for shape, arguments in [
        ("constant", {"value": 5.0}), ("normal", {"mean": 5.0, "sd": 0.0}),
        ("lognormal", {"median": 5.0, "log_sd": 0.0}),
        ("truncated_normal", {"mean": 9.0, "sd": 0.0, "low": 1.0, "high": 5.0}),
    ]:  # fmt: skip
        np.testing.assert_allclose(_make(shape, arguments).check("x").quantile(_U), 5.0, rtol=1e-15)
    assert (_make("poisson", {"mean": 0.0}).check("x").quantile(_U) == 0).all()


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"bernoulli"}))
def test_quantiles_never_decrease_and_have_the_shape_asked_for(shape: str) -> None:
    found = _make(shape, _GOOD[shape]).quantile(_U)
    assert (np.diff(found) >= 0).all()
    assert _make(shape, _GOOD[shape]).quantile(np.full((2, 3), 0.5)).shape == (2, 3)
    assert _make(shape, _GOOD[shape]).median() == pytest.approx(
        float(_make(shape, _GOOD[shape]).quantile(0.5))
    )


@pytest.mark.parametrize(
    "shape", ["constant", "normal", "truncated_normal", "lognormal", "uniform", "loguniform"]
)
def test_changing_the_unit_scales_the_values_and_nothing_else(shape: str) -> None:
    hourly = _make(shape, _GOOD[shape], "L/h")
    daily = hourly.to("L/day")
    np.testing.assert_allclose(daily.quantile(_U), 24 * hourly.quantile(_U), rtol=1e-9)
    assert daily.unit == "L/day" and daily.evidence is hourly.evidence


@pytest.mark.parametrize("shape", ["beta", "bernoulli", "poisson"])
def test_values_without_a_scale_keep_their_unit(shape: str) -> None:
    assert _make(shape, _GOOD[shape], "cell").to("cells").quantile(0.4) == _make(
        shape, _GOOD[shape]
    ).quantile(0.4)
    with pytest.raises(InputError, match="expected the unit"):
        _make(shape, _GOOD[shape], "").to("percent")


def test_a_unit_of_another_dimension_is_refused() -> None:
    with pytest.raises(InputError):
        _make("normal", _GOOD["normal"], "L/h").to("mg")


_BAD = [
    ("normal", {"mean": 1.0}, "exactly mean, sd"),
    ("normal", {"mean": 1.0, "sd": 1.0, "extra": 1.0}, "exactly mean, sd"),
    ("normal", {"mean": 1.0, "sd": -1.0}, "sd to be zero or more"),
    ("normal", {"mean": float("nan"), "sd": 1.0}, "finite numbers"),
    ("lognormal", {"median": 0.0, "log_sd": 1.0}, "median of a lognormal to be positive"),
    ("lognormal", {"median": 1.0, "log_sd": -0.1}, "log_sd to be zero or more"),
    ("uniform", {"low": 2.0, "high": 2.0}, "low to be below high"),
    ("truncated_normal", {"mean": 0.0, "sd": 1.0, "low": 3.0, "high": 1.0}, "low to be below high"),
    ("loguniform", {"low": 0.0, "high": 1.0}, "positive in a loguniform"),
    ("beta", {"a": 0.0, "b": 1.0}, "a and b to be positive"),
    ("bernoulli", {"probability": 1.2}, "between 0 and 1"),
    ("poisson", {"mean": -1.0}, "mean of a poisson"),
    ("constant", {"value": float("inf")}, "finite numbers"),
]


@pytest.mark.parametrize(("shape", "arguments", "said"), _BAD)
def test_impossible_arguments_are_refused_by_name(shape: str, arguments: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=rf"^pop\.toml: CL: expected .*{said}"):
        _make(shape, arguments).check("pop.toml: CL")


def test_an_unknown_shape_gets_a_suggestion() -> None:
    with pytest.raises(
        InputError, match=r'^x: distribution "lognorml" is not known.*Did you mean "lognormal"'
    ):
        _make("lognorml", {}).check("x")


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_good_arguments_pass_unchanged(shape: str) -> None:
    one = _make(shape, _GOOD[shape])
    assert one.check("x") is one


@given(st.integers(1, 6), st.integers(0, 2**31), st.integers(1, 40))
def test_correlated_draws_of_a_patient_do_not_depend_on_who_else_is_drawn(
    size: int, seed: int, patients: int
) -> None:
    normals = stream(seed, "x").normal(np.arange(40)[:, None], np.arange(size))
    spread = stream(seed, "m").normal(np.arange(size + 2)[:, None], np.arange(size))
    cov = spread.T @ spread + 0.1 * np.eye(size)
    scale = np.sqrt(np.diag(cov))
    matrix = cov / np.outer(scale, scale)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    assume(np.linalg.eigvalsh(matrix).min() > 1e-6)
    everyone = correlate(normals, matrix)
    assert np.array_equal(everyone[:patients], correlate(normals[:patients], matrix))
    np.testing.assert_allclose(everyone, normals @ np.linalg.cholesky(matrix).T, rtol=1e-12, atol=1e-12)


def test_correlated_draws_have_the_correlation_asked_for() -> None:
    """Sample correlation of 40,000 pairs at 0.798, Fisher interval for an error rate of 1e-6."""
    size = 40_000
    normals = stream(1, "c").normal(np.arange(size)[:, None], np.arange(2))
    found = np.corrcoef(correlate(normals, np.array([[1.0, 0.798], [0.798, 1.0]])).T)[0, 1]
    assert abs(np.arctanh(found) - np.arctanh(0.798)) < stats.norm.isf(0.5e-6) / np.sqrt(size - 3)


@pytest.mark.parametrize(
    "matrix",
    [[[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]],
     [[1, 1.2], [1.2, 1]], [[1, 0.5], [0.2, 1]], [[2, 0.1], [0.1, 2]],
     [[1, float("nan")], [float("nan"), 1]]],
)  # fmt: skip
def test_a_matrix_no_set_of_patients_can_have_is_refused(matrix: list[list[float]]) -> None:
    with pytest.raises(InputError, match=r"^correlations: expected"):
        correlate(np.zeros((3, len(matrix))), np.array(matrix, dtype=float))
