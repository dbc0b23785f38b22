"""The only door to chance.

Statistical tests run on fixed seeds, so they pass or fail for good; the error rate in each docstring says how often a
perfect generator would fail it on a seed nobody has looked at.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from offtarget.errors import InputError
from offtarget.randomness import Stream, philox, stream, uniforms

_ONES = 0xFFFFFFFF
_KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((_ONES,) * 4, (_ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
_WORDS = st.integers(0, _ONES)


@pytest.mark.parametrize(("counter", "key", "wanted"), _KNOWN)
def test_philox_gives_its_authors_known_answers(
    counter: tuple[int, ...], key: tuple[int, int], wanted: tuple[int, ...]
) -> None:
    assert tuple(int(word) for word in philox(tuple(np.uint64(c) for c in counter), key)) == wanted


def _plain_philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """The slow twin: Python integers, written from the paper."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(second >> 32) ^ c[1] ^ k[0], second & _ONES, (first >> 32) ^ c[3] ^ k[1], first & _ONES]
        k = [(k[0] + 0x9E3779B9) & _ONES, (k[1] + 0xBB67AE85) & _ONES]
    return tuple(c)


@given(st.tuples(_WORDS, _WORDS, _WORDS, _WORDS), st.tuples(_WORDS, _WORDS))
def test_philox_agrees_with_its_slow_twin_everywhere(counter: tuple[int, ...], key: tuple[int, int]) -> None:
    given_words = tuple(np.array([word], np.uint64) for word in counter)
    assert tuple(int(word[0]) for word in philox(given_words, key)) == _plain_philox(counter, key)


@given(_WORDS, _WORDS, st.integers(1, 50), st.integers(0, 49))
def test_a_draw_depends_on_its_address_alone(patient: int, counter: int, others: int, place: int) -> None:
    luck = stream(7, "test")
    alone = luck.uniform(patient, counter)
    crowd = np.arange(others, dtype=np.uint64)
    crowd[place % others] = patient
    assert luck.uniform(crowd, counter)[place % others] == alone


def test_the_first_ten_of_a_thousand_are_the_ten_of_ten() -> None:
    luck = stream(3, "population", "CL")
    assert np.array_equal(luck.uniform(np.arange(1000))[:10], luck.uniform(np.arange(10)))
    assert np.array_equal(luck.normal(np.arange(1000))[:10], luck.normal(np.arange(10)))


def test_patients_and_counters_broadcast_to_a_table() -> None:
    luck = stream(3, "visits")
    table = luck.uniform(np.arange(5)[:, None], np.arange(7))
    assert table.shape == (5, 7)
    assert table[2, 6] == luck.uniform(2, 6)


def test_a_draw_is_never_0_or_1_even_for_the_extreme_words() -> None:
    largest = (np.float64((1 << 52) - 1) + 0.5) * 2.0**-52
    assert 0 < 0.5 * 2.0**-52 and largest < 1
    draws = stream(0, "edges").uniform(np.arange(200_000))
    assert draws.min() > 0 and draws.max() < 1
    assert np.isfinite(stream(0, "edges").normal(np.arange(200_000))).all()


@pytest.mark.parametrize("patients", [-1, 2**32, [0, 2**40], np.array([-5]), float("nan"), 1.5])
def test_an_address_out_of_range_is_refused_rather_than_shared(patients: object) -> None:
    with pytest.raises(InputError, match="expected whole numbers from 0 to 4294967295"):
        stream(1, "x").uniform(patients)  # type: ignore[arg-type]


def test_no_patients_is_no_draws() -> None:
    assert stream(1, "x").uniform([]).shape == (0,)


@given(
    st.integers(0, 2**63),
    st.lists(st.text(max_size=5), max_size=3),
    st.lists(st.text(max_size=5), max_size=3),
)
def test_two_purposes_never_share_a_stream(seed: int, names: list[str], others: list[str]) -> None:
    one, other = stream(seed, *names), stream(seed, *others)
    assert (one == other) == (names == others)
    assert stream(seed + 1, *names) != one


def test_a_purpose_is_not_the_concatenation_of_its_names() -> None:
    assert stream(7, "ab", "c") != stream(7, "a", "bc")
    assert stream(7, "a\x1fb") != stream(7, "a", "b")
    assert stream(71, "a") != stream(7, "1", "a")


def _p_values(luck: list[np.ndarray]) -> np.ndarray:
    return np.array([stats.kstest(draws, "uniform").pvalue for draws in luck])


def test_draws_are_uniform_over_patients_over_counters_and_over_seeds() -> None:
    """Kolmogorov-Smirnov on 60 samples of 5,000; smallest p above 1e-6 / 60: fails a perfect generator once in 1e6."""
    patients = [stream(seed, "u").uniform(np.arange(5000)) for seed in range(20)]
    counters = [stream(seed, "u").uniform(17, np.arange(5000)) for seed in range(20)]
    seeds = [
        np.array([float(stream(seed, name).uniform(0)) for seed in range(500)])
        for name in "abcdefghijklmnopqrst"
    ]
    values = _p_values(patients + counters + seeds)
    assert values.min() > 1e-6 / values.size
    assert values.max() < 1 - 1e-6 / values.size  # nor too regular to be chance


def test_neighbouring_addresses_are_independent() -> None:
    """Correlation of 20 pairs of 20,000 normals; bound for an error rate of 1e-6 over all pairs."""
    size, who = 20_000, np.arange(20_000)
    bound = stats.norm.isf(0.5e-6 / 20) / np.sqrt(size)
    worst = 0.0
    for seed in range(4):
        luck = stream(seed, "a")
        base = luck.normal(who)
        for other in (
            luck.normal(who + 1), luck.normal(who, 1), stream(seed, "b").normal(who),
            stream(seed + 1, "a").normal(who), luck.normal(who + 2**16),
        ):  # fmt: skip
            worst = max(worst, abs(float(np.corrcoef(base, other)[0, 1])))
    assert worst < bound


def test_pairs_of_draws_fill_the_unit_square_evenly() -> None:
    """Chi-squared over a 32 x 32 grid for 4 pairings of 200,000; error rate 1e-6 over all."""
    who = np.arange(200_000)
    luck = stream(11, "square")
    pairings = [(who, 0, who, 1), (who, 0, who + 1, 0), (who, 5, who, 6), (who, 0, who[::-1], 0)]
    for first, one, second, two in pairings:
        counts, _, _ = np.histogram2d(
            luck.uniform(first, one), luck.uniform(second, two), bins=32, range=[[0, 1]] * 2
        )
        p = stats.chisquare(counts.ravel()).pvalue
        assert p > 1e-6 / 4


def test_every_bit_of_a_draw_is_fair() -> None:
    """52 bits of 100,000 draws, binomial, error rate 1e-6 over all bits."""
    size = 100_000
    bits = (stream(5, "bits").uniform(np.arange(size)) * 2**52).astype(np.uint64)
    ones = np.array([((bits >> np.uint64(bit)) & np.uint64(1)).sum() for bit in range(52)], dtype=float)
    assert np.abs(ones - size / 2).max() < stats.norm.isf(0.5e-6 / 52) * np.sqrt(size) / 2


def test_a_stream_is_a_value_with_no_state() -> None:
    luck = stream(9, "again")
    first = luck.uniform(np.arange(100))
    assert np.array_equal(first, luck.uniform(np.arange(100)))
    assert luck == Stream(luck.key, luck.salt)


def test_streams_drawn_together_draw_what_each_draws_alone() -> None:
    streams = [stream(7, "assay", purpose) for purpose in ("copies", "error", "count")]
    patients, counter = np.arange(6).reshape(2, 3), np.array([5, 0, 2**32 - 1])
    together = uniforms(streams, patients, counter)
    assert together.shape == (3, 2, 3)
    for one, drawn in zip(streams, together, strict=True):
        np.testing.assert_array_equal(drawn, one.uniform(patients, counter))
        assert drawn[1, 2] == one.uniform(5, 2**32 - 1)
