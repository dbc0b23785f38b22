"""The truth about a patient's clones, read off the model's outputs: how many cells, whether any, and which clone leads.

What the clinic sees is ``assay``. This is for endpoints that ask what became of the leukaemia itself, and for figures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.engine.kernel import Kernel
from offtarget.trials.extinction import EXTINCT
from offtarget.trials.history import Mask

__all__ = ["NO_CLONE", "Cells"]

#: Stands for a clone where there is none.
NO_CLONE = -1


class Cells:
    """Where the clones of a model are among a kernel's outputs ``P_<clone>`` and ``Q_<clone>``.

    Attributes:
        flowing: the clones of which some cells always flow, so that they never come to nothing by themselves.
    """

    def __init__(self, kernel: Kernel, clones: tuple[str, ...]) -> None:
        def places(kinds: str) -> NDArray[np.int64]:
            return np.array(
                [kernel.outputs.index(f"{kind}_{one}") for one in clones for kind in kinds], np.int64
            )

        counted = set() if kernel.net is None else {kernel.species[place] for place in kernel.net.counted}
        self.flowing = tuple(one for one in clones if not {f"P_{one}", f"Q_{one}"} <= counted)
        self._all, self._proliferating = places("PQ"), places("P")
        self._flows = np.repeat(np.array([one in self.flowing for one in clones], bool), 2)

    def none_left(self, outputs: NDArray[np.float64]) -> Mask:
        """Whether no leukaemic cell is left; where cells flow, whether less is left than counts as one; shape (n,).

        Args:
            outputs: shape (n, outputs); rows of NaN are of patients of whom nobody knows, and False.
        """
        if not self._all.size:
            return np.zeros(outputs.shape[0], bool)
        cells = outputs[:, self._all]
        flowing, counted = cells[:, self._flows].sum(axis=1), cells[:, ~self._flows].sum(axis=1)
        return np.asarray((flowing < EXTINCT.value) & (counted == 0.0))

    def proliferating(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Proliferating cells of each clone, which the transcripts in a sample come from, shape (clones, n).

        Args:
            outputs: shape (n, outputs).
        """
        return np.asarray(outputs[:, self._proliferating].T)

    def leading(self, outputs: NDArray[np.float64]) -> NDArray[np.int64]:
        """The clone with the most proliferating cells but for the first, which the others come from, shape (n,).

        Returns:
            Its number among the model's clones, ``NO_CLONE`` where no such clone has a cell.
        """
        if self._proliferating.size < 2:
            return np.full(outputs.shape[0], NO_CLONE)
        cells = np.nan_to_num(outputs[:, self._proliferating[1:]])
        return np.where(cells.max(axis=1) > 0.0, 1 + cells.argmax(axis=1), NO_CLONE)
