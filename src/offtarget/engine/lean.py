"""Compiled functions that own no arrays: they are given them and give none back, so that nobody counts references.

Counting them costs an atomic operation for each array of each call, which is more than the work itself where a call
does a few nanoseconds of it, and threads wait for each other over the counters they share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

__all__ = ["lean", "lean_for", "swift"]

_F = TypeVar("_F", bound=Callable[..., Any])
_OPTIONS: Any = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}


def lean(function: _F) -> _F:
    """Compile a function that compiled code calls. It cannot make arrays: numba refuses to compile it if it tries."""
    compiled: _F = njit(function, **_OPTIONS)
    return compiled


def swift(function: _F) -> _F:
    """``lean``, and always part of its caller: an array is seven words to hand over, which a few nanoseconds feel."""
    compiled: _F = njit(function, forceinline=True, **_OPTIONS)
    return compiled


def lean_for(kernel: Any) -> Callable[[_F], _F]:
    """``lean``, for a function made for one kernel, named after its module (see ``steppers.compiled_for``).

    Args:
        kernel: any compiled function of the kernel.
    """

    def decorate(function: _F) -> _F:
        function.__module__ = getattr(kernel, "py_func", kernel).__module__
        return lean(function)

    return decorate
