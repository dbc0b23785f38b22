"""The project's random streams inside compiled code: the same draws as ``randomness``, one at a time."""

from __future__ import annotations

import numpy as np

from offtarget.engine.layout import Ints
from offtarget.engine.steppers import compiled

__all__ = ["pair", "uniform"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_MASK, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_UP, _DOWN, _ZERO = np.uint64(20), np.uint64(12), np.uint64(0)


@compiled
def uniform(stream: Ints, patient: int, counter: int) -> float:
    """A uniform draw in (0, 1): what ``Stream.uniform`` says, to the bit (the tests hold the two together).

    Args:
        stream: key, key and salt of a ``randomness.Stream``.
        patient: the patient's number, below 2**32.
        counter: which draw, below 2**32.
    """
    return pair(stream, patient, counter)[0]


@compiled
def pair(stream: Ints, patient: int, counter: int) -> tuple[float, float]:
    """Two uniform draws for the work of one: that of ``uniform``, and one made of the generator's other two words."""
    k0, k1 = np.uint64(stream[0]), np.uint64(stream[1])
    c0, c1, c2, c3 = np.uint64(patient), np.uint64(counter), np.uint64(stream[2]), _ZERO
    for _ in range(10):
        low, high = _M0 * c0, _M1 * c2
        c0, c1 = (high >> _HALF) ^ c1 ^ k0, high & _MASK
        c2, c3 = (low >> _HALF) ^ c3 ^ k1, low & _MASK
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    first, second = (c0 << _UP) | (c1 >> _DOWN), (c2 << _UP) | (c3 >> _DOWN)
    return (float(first) + 0.5) * 2.0**-52, (float(second) + 0.5) * 2.0**-52
