"""The only door to chance: named, counter-based random streams.

A draw is a pure function of (seed, purpose, patient, counter). Patient 17 of a hundred is patient 17 of a
million; adding an arm, a drug or an assay changes no other draw; threads and chunks cannot matter.

Source: Salmon JK, Moraes MA, Dror RO, Shaw DE. Parallel random numbers: as easy as 1, 2, 3. SC11 (2011):
Philox4x32-10. The tests hold it to the authors' known-answer vectors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtarget.errors import InputError, sentence

__all__ = ["Stream", "philox", "stream", "uniforms"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ROUNDS = 10


def philox(
    counter: tuple[NDArray[np.uint64], ...], key: tuple[ArrayLike, ArrayLike]
) -> tuple[NDArray[np.uint64], ...]:
    """Four 32-bit random words for each 128-bit counter.

    Args:
        counter: four arrays of 32-bit words (held in uint64), broadcast together with the key.
        key: two 32-bit words, or two arrays of them.

    Returns:
        Four arrays of the shape that all have together, each word below 2**32.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = (np.asarray(word, np.uint64) for word in key)
    for _ in range(_ROUNDS):
        low, high = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (
            (high >> _HALF) ^ c1 ^ k0, high & _MASK,
            (low >> _HALF) ^ c3 ^ k1, low & _MASK,
        )  # fmt: skip
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@dataclass(frozen=True, slots=True)
class Stream:
    """A purpose's own random numbers, addressed by patient and counter. It has no state to advance."""

    key: tuple[int, int]
    salt: int

    def uniform(self, patients: ArrayLike, counter: ArrayLike = 0) -> NDArray[np.float64]:
        """Uniform draws in the open interval (0, 1), one for each patient and counter (broadcast together).

        Args:
            patients: patient numbers, non-negative, below 2**32.
            counter: which draw of this purpose, non-negative, below 2**32 (a visit, a dose, a parameter).

        Raises:
            InputError: an address outside these bounds, which would silently share its luck with another.
        """
        return np.asarray(uniforms((self,), patients, counter)[0])

    def normal(self, patients: ArrayLike, counter: ArrayLike = 0) -> NDArray[np.float64]:
        """Standard normal draws by inversion: the same quantile in every arm."""
        from scipy.special import ndtri

        return np.asarray(ndtri(self.uniform(patients, counter)))


def uniforms(streams: Sequence[Stream], patients: ArrayLike, counter: ArrayLike = 0) -> NDArray[np.float64]:
    """What each of several streams draws at the same addresses, stream by stream: ``Stream.uniform`` of each, at once.

    Args:
        streams: one or more.
        patients, counter: see ``Stream.uniform``.

    Raises:
        InputError: as ``Stream.uniform``.
    """
    who, which = np.broadcast_arrays(_word(patients, "patient"), _word(counter, "counter"))
    words = np.array([(*one.key, one.salt) for one in streams], np.uint64)
    k0, k1, salt = words.T.reshape(3, len(streams), *(1,) * who.ndim)
    high, low, _, _ = philox((who, which, salt, np.zeros_like(salt)), (k0, k1))
    bits = (high << np.uint64(20)) | (low >> np.uint64(12))  # 52 bits: the midpoint is exact and never 0 or 1
    return np.asarray((bits.astype(np.float64) + 0.5) * 2.0**-52)


def _word(values: ArrayLike, what: str) -> NDArray[np.uint64]:
    """Addresses as 32-bit words held in uint64."""
    given = np.asarray(values)
    whole = given.dtype.kind in "ui" or bool((given == np.floor(given)).all())
    if given.size and not (whole and given.min() >= 0 and given.max() <= int(_MASK)):
        raise InputError(
            sentence(
                what, expected="whole numbers from 0 to 4294967295", got=f"{given.min()} to {given.max()}"
            )
        )
    return given.astype(np.uint64)


def stream(seed: int, *names: str) -> Stream:
    """The stream of a purpose.

    Args:
        seed: the run's seed, a non-negative integer.
        names: the purpose, for example ``"assay", "error"``.

    Example:
        >>> assay = stream(7, "assay")
        >>> float(assay.uniform(3, counter=12)) == float(assay.uniform([1, 3], 12)[1])
        True
    """
    text = "\x1f".join((str(seed), *(name.replace("\x1f", "\x1f\x1f") for name in names))).encode()
    words = np.frombuffer(hashlib.sha256(text).digest()[:12], dtype="<u4")
    return Stream(key=(int(words[0]), int(words[1])), salt=int(words[2]))
