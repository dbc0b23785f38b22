"""When a clone that flows is gone: the deterministic model's stand-in for the last cell's death.

A flow never reaches zero: a clone of 1e-12 cells would grow back, years later, from a number without meaning. A
clone whose cells, proliferating and quiescent together, are expected to number less than a thousandth is set to none.
By Markov's inequality the chance that such a clone still has a cell is below one in a thousand. From a thousandth to
a few hundred cells chance decides in truth, and the flow does not know it: that is the stochastic engine's business.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.schedule import Action, Events
from offtarget.engine.kernel import Kernel
from offtarget.evidence import Evidence, Grade, Quantity
from offtarget.trials.history import Mask

__all__ = ["EXTINCT", "extinctions"]

#: Expected cells of a clone below which it is none.
EXTINCT = Quantity(
    1e-3,
    "cell",
    Evidence("", Grade.ASSUMED, "one cell in a thousand such clones, at most; results depend on it"),
)


def extinctions(
    kernel: Kernel,
    clones: tuple[str, ...],
    outputs: NDArray[np.float64],
    rows: Mask,
    day: NDArray[np.float64],
) -> list[Events]:
    """Events that take away what is left of clones that are gone.

    Args:
        kernel: the compiled model; its outputs hold ``P_<clone>`` and ``Q_<clone>``.
        clones: the model's clones.
        outputs: at ``day``, shape (n, outputs).
        rows: whom to look at, shape (n,).
        day: of each patient, shape (n,).
    """
    events = []
    for clone in clones:
        names = (f"P_{clone}", f"Q_{clone}")
        cells = outputs[:, [kernel.outputs.index(name) for name in names]]
        total = cells.sum(axis=1)
        gone = np.flatnonzero(rows & (total != 0) & (total < EXTINCT.value))
        if gone.size:
            events += [
                Events(name, Action.ADD, gone, day[gone], -cells[gone, column])
                for column, name in enumerate(names)
            ]
    return events
