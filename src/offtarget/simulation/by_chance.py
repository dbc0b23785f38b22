"""A user's own model as counts that change by chance: read, check, compile, simulate many replicates, part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.trajectories import Status
from offtarget.engine.replicates import Chance, build_chance, simulate_replicates
from offtarget.errors import InputError, sentence
from offtarget.models.model import Model
from offtarget.simulation.clock import parse_times, settle
from offtarget.simulation.course import OUTPUT_NOT_FINITE
from offtarget.simulation.enrolment import enrol
from offtarget.simulation.sheet import Floats, read_sheet
from offtarget.simulation.simulate import chosen_outputs, loaded
from offtarget.simulation.table import Columns, rows

__all__ = ["ByChance", "prepare_by_chance"]

#: Values that one part of the result holds, about; and the most replicates that have addresses for their luck.
_PART, _MOST = 4_000_000, 2**32 - 1


@dataclass(frozen=True, slots=True, eq=False)
class ByChance:
    """Everything read, checked and compiled; nothing simulated yet.

    Attributes:
        chance: the compiled network.
        ids: what each replicate is called; ``cohort`` their numbers and parameters.
        looks: the times in the model's unit; ``shown`` in the user's.
        columns: the columns of the result.
        notes: how the input was read.
    """

    chance: Chance
    ids: tuple[str, ...]
    cohort: Cohort
    looks: Floats
    shown: Floats
    columns: Columns
    notes: tuple[str, ...]

    @property
    def patients(self) -> int:
        """How many replicates."""
        return len(self.ids)

    def parts(self, *, threads: int | None = None, seed: int = 1, statuses: Counter[str],
              progress: Callable[[int, int], None] | None = None) -> Iterator[Any]:  # fmt: skip
        """The result, some replicates at a time, as Arrow tables.

        Args:
            threads: worker threads; the result does not depend on it.
            seed: with a replicate's number, its luck.
            statuses: filled with how many replicates ended how.
            progress: called with replicates done and replicates in all.
        """
        size = int(np.clip(_PART // max(1, self.looks.size * len(self.columns.names)), 16, 65536))
        for first in range(0, self.patients, size):
            last = min(first + size, self.patients)
            part = self.cohort.take(np.arange(first, last))
            found = simulate_replicates(self.chance, part, times=self.looks, seed=seed, threads=threads)
            words = [Status(int(status)).name.lower() for status in found.status]
            odd = found.finished & ~np.isfinite(found.values).all(axis=(1, 2))
            for row in np.flatnonzero(odd):
                words[row] = OUTPUT_NOT_FINITE
            statuses.update(words)
            yield rows(
                self.columns, self.ids[first:last], [self.shown] * (last - first), list(found.values), words
            )
            if progress is not None:
                progress(last, self.patients)


def prepare_by_chance(
    model: Model | str | Path, *, times: str | None, replicates: int | None = None, cohort: object = None,
    outputs: Sequence[str] = (), covariates: Sequence[str] = (),
) -> ByChance:  # fmt: skip
    """Everything read, checked and compiled.

    Args:
        model: the equations, a catalogue name, or the path of an SBML or Antimony file.
        times: ``"0:180:1 day"`` or ``"0, 1, 2.5 h"``.
        replicates: how many, called 1 to n; 1000 when there is no cohort either.
        cohort: or one row a replicate, with parameters of its own; its ID is the number of its luck.
        outputs: names of species, rules, reactions or parameters; by default the model's own choice.
        covariates: columns of the cohort that the model does not know and that are meant to be there.

    Raises:
        InputError: what is wrong in the model, a table, or a text, in a sentence.
    """
    if cohort is not None and replicates is not None:
        then = "A cohort has a row a replicate."
        raise InputError(
            sentence("replicates", expected="a cohort or a number of replicates", got="both", then=then)
        )
    if times is None:
        raise InputError(sentence("times", expected='times such as "0:180:1 day"', got=None))
    n = 1000 if replicates is None else replicates
    if not 1 <= n <= _MOST:
        raise InputError(sentence("replicates", expected=f"a number from 1 to {_MOST}", got=str(n)))
    equations, stated = (model, bool(model.time_unit)) if isinstance(model, Model) else loaded(str(model))
    wanted = parse_times(times)
    equations, clock, notes = settle(equations, stated=stated, times=wanted, header=None, has_events=False)
    names = chosen_outputs(equations, outputs)
    sheet = read_sheet(cohort, where="cohort") if cohort is not None else None
    enrolled = enrol(equations, sheet, covariates=covariates, ids=[str(i + 1) for i in range(n)])
    chance = build_chance(enrolled.model, outputs=names)
    units = tuple(unit.removesuffix("/") for unit in chance.output_units)
    numbered = all(id.isdecimal() and int(id) < 2**63 for id in enrolled.ids)
    looks = clock.to_model(wanted.values, wanted.unit)
    columns = Columns(names, units, clock.shown, numbered)
    return ByChance(chance, enrolled.ids, enrolled.cohort, looks, wanted.values, columns, notes)
