"""Patients in whom many cells flow and few are counted: cure, escape and the first resistant cell.

Below a threshold a species that the model counts in cells is a whole number that changes by births, deaths and
exchange of single cells; above it, it flows. It crosses both ways. What comes back is a Kernel like any other:
``begin``, ``advance`` and ``simulate`` of ``ensemble`` carry its patients, whose luck hangs on seed, patient number and
the name of what happens alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from offtarget.engine import cache
from offtarget.engine.hybrid_net import METHODS, THRESHOLD, read
from offtarget.engine.kernel import Kernel, assemble, chosen
from offtarget.models.model import Model

__all__ = ["METHODS", "THRESHOLD", "build_hybrid"]

#: An own time is judged against the mean of its exponential draw: an error of so much is one in the chance to fire.
_OWN_TIME = 1.0
#: What flows and will be counted is judged against this many thresholds: at a tolerance of 1e-6, a step may be wrong by
#: a hundredth of a cell at the threshold of a hundred, where births and deaths spread ten.
_SCALES = 100.0


def build_hybrid(
    model: Model,
    *,
    outputs: tuple[str, ...] = (),
    thresholds: float | Mapping[str, float] | None = None,
    method: str | None = None,
) -> Kernel:
    """The model compiled as a flow in which few cells are counted, from the disk cache when that was done before.

    Args:
        model: the equations. A species counts when the model counts it in cells and its reactions change it by whole
            numbers. A reaction whose rate may fall below zero takes back, one firing at a time, while it is negative.
        outputs: as for ``build``.
        thresholds: below so many cells a species is counted, for all or by species; 0 lets it flow always, infinity
            counts it always; by default what the model says of each, or else 100. Kernels that differ in it above zero
            share their machine code.
        method: "branching" follows counted cells from step to step by the law of births and deaths, for reactions that
            are births, deaths or exchange of single cells; "firings" finds each firing, for any reactions, at tens of
            times the price. None takes branching where it can.

    Raises:
        InputError: an output the model does not have, a threshold of what is not counted or that is no number, no such
            method.
        UnsupportedError: what the hybrid engine does not have: delays, events of the model, rates that time switches;
            branching where reactions do not allow it.

    Example:
        >>> from offtarget import Cohort, Schedule, simulate
        >>> from offtarget.models.sbml import read_model
        >>> clone = read_model("model clone; substanceOnly species X; X = 3; birth: => X; X; death: X => ; 2 * X; "
        ...                    "substance = item; end", where="clone")
        >>> found = simulate(build_hybrid(clone), Cohort(np.arange(100, dtype=np.uint64), {}, {}), Schedule.empty(100),
        ...                  times=[0, 20], seed=7)
        >>> float(found.of("X")[:, 0].max()), float(found.of("X")[:, 1].max())
        (3.0, 0.0)
    """
    names = chosen(model, outputs)
    reading = read(model, thresholds, method)
    march = "branching_march" if reading.branching else "hybrid_march"
    chancy = reading.chancy if reading.branching else ()
    name = cache.key(f"{march}\n{reading.model.text()}", (*names, "|", *chancy))

    def write() -> str:
        from offtarget.engine.codegen import generate  # only a kernel that is not in the cache needs its text

        return generate(reading.model, names, march=march, chancy=chancy)

    kernel = assemble(reading.model, names, name, cache.load(name, write), named=model)
    own = np.arange(len(kernel.species)) >= len(model.species)
    floor = np.where(own, _OWN_TIME, kernel.floor)
    if reading.branching:
        near = _SCALES * reading.net.low
        floor[reading.net.counted] = np.where(
            near < np.inf, np.maximum(floor[reading.net.counted], near), 1.0
        )
    return replace(kernel, net=reading.net, floor=floor, share=np.where(own, 0.0, kernel.share))
