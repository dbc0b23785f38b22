"""The stochastic half of the public SBML test suite: means and spreads of many runs against what theory says.

    python tests/sbml_stochastic.py FOLDER

A case is a folder as ``sbml_suite`` has it; its settings say which means and standard deviations its results hold, and
within which ranges their scores have to lie. With n runs, mean M and standard deviation S where m and s should be:

    mean:    sqrt(n) (M - m) / s                  variance:    sqrt(n / 2) (S^2 / s^2 - 1)

A correct simulator leaves a range now and then: of the 100 points and more of a case, one in 370 is beyond three
standard deviations. So a case that does is run again, with another seed and as often, and fails where the same score of
the same point is out of its range again. By chance that happens to one case in a thousand, and to one in a hundred
where the variance of a long-tailed quantity (an exponential one) is scored as if it were normal. Seeds are fixed: who
runs this twice sees the same twice.
"""

from __future__ import annotations

import argparse
import csv
import fnmatch
import multiprocessing
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import libsbml
import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine.replicates import build_chance, simulate_replicates
from offtarget.errors import InputError
from offtarget.models.sbml import read_model
from sbml_suite import Verdict, case_file, cases, listed, model_file, read_settings, reason, written

RUNS = 10_000
SEEDS = (1, 2)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """When a case looks at what, and how far scores may stray."""

    times: Floats
    variables: tuple[str, ...]
    amount: tuple[str, ...]
    concentration: tuple[str, ...]
    output: tuple[str, ...]
    mean: tuple[float, float]
    spread: tuple[float, float]

    @classmethod
    def read(cls, path: Path) -> Settings:
        said, times = read_settings(path)
        names = {key: listed(said, key) for key in ("variables", "amount", "concentration", "output")}
        low, high = (_range(said[key]) for key in ("meanRange", "sdRange"))
        return cls(times, mean=low, spread=high, **names)


def _range(text: str) -> tuple[float, float]:
    low, high = text.strip("()").split(",")
    return float(low), float(high)


def judge(case: Path, *, level: str = "", runs: int = RUNS) -> Verdict | None:
    """What becomes of one case; None where it has no model of this level.

    Args:
        case: its folder.
        level: the level and version of SBML wanted, or the highest at hand.
        runs: replicates a look.
    """
    path = model_file(case, level)
    if path is None:
        return None
    text = path.read_text(encoding="utf-8")
    settings = Settings.read(case_file(case, "settings.txt") or case)
    try:
        model = read_model(text, where=case.name)
        places = _places(written(text), settings)
        names = dict.fromkeys((*settings.variables, *places.values()))
        chance = build_chance(model, outputs=tuple(name for name in names if name in model.names()))
    except InputError as problem:
        return Verdict(case.name, "refused", str(problem).removeprefix(f"{case.name}: "))
    expected = _expected(case)
    out: set[tuple[str, float]] | None = None
    for seed in SEEDS:
        found = simulate_replicates(chance, runs, times=settings.times, seed=seed, threads=1)
        bad = found.counts()
        if bad[Status.FINISHED] != runs:
            return Verdict(case.name, "failed", f"{ {k.name: v for k, v in bad.items() if v} }")
        strays = _strays(found, places, expected, settings)
        out = strays if out is None else out & strays
        if not out:
            return Verdict(case.name, "passed", "at the second look" if seed != SEEDS[0] else "")
    where = ", ".join(f"{name} at {time:g}" for name, time in sorted(out or ())[:5])
    return Verdict(case.name, "failed", f"{len(out or ())} scores out of range in both looks: {where}")


def _places(model: libsbml.Model, settings: Settings) -> dict[str, str]:
    """The compartment of each species that the case wants as an amount and the model holds as a concentration."""
    found = {name: model.getSpecies(name) for name in settings.variables}
    return {
        name: one.getCompartment() for name, one in found.items()
        if one is not None and name in settings.amount and not one.getHasOnlySubstanceUnits()
    }  # fmt: skip


def _expected(case: Path) -> dict[str, Floats]:
    with (case_file(case, "results.csv") or case).open(encoding="utf-8") as table:
        head, *rows = [row for row in csv.reader(table) if row]
    values = np.array([[float(cell) for cell in row] for row in rows])
    return {name.strip(): values[:, j] for j, name in enumerate(head)}


def _values(found: Trajectories, places: dict[str, str], wanted: str) -> Floats:
    """One variable or its logarithm, shape (runs, times)."""
    name = wanted.removeprefix("ln(").removesuffix(")")
    values = found.of(name)
    if name in places and places[name] in found.names:  # a compartment that is not there has size 1
        values = values * found.of(places[name])
    with np.errstate(divide="ignore"):
        return values if name == wanted else np.log(values)


def _strays(
    found: Trajectories, places: dict[str, str], expected: dict[str, Floats], settings: Settings
) -> set[tuple[str, float]]:
    """Scores that are out of their range, by name and time."""
    strays: set[tuple[str, float]] = set()
    for column in settings.output:
        wanted, _, what = column.rpartition("-")
        if what != "mean":
            continue
        values = _values(found, places, wanted)
        n, told = values.shape[0], np.isfinite(values).all(axis=0)  # nobody knows the logarithm of zero
        mean, spread = values[:, told].mean(axis=0), values[:, told].std(axis=0, ddof=1)
        times, m = settings.times[told], expected[column][told]
        s = expected[f"{wanted}-sd"][told] if f"{wanted}-sd" in settings.output else spread
        moves = s > 0
        # what does not vary is that number
        still = ~moves & ((np.abs(mean - m) > 1e-6 * np.maximum(1.0, np.abs(m))) | (spread > 1e-9))
        strays |= {(column, float(time)) for time in times[still]}
        z = np.sqrt(n) * (mean - m)[moves] / s[moves]
        y = np.sqrt(n / 2) * (spread[moves] ** 2 / s[moves] ** 2 - 1)
        for name, score, bounds in ((column, z, settings.mean), (f"{wanted}-sd", y, settings.spread)):
            beyond = ~((score > bounds[0]) & (score < bounds[1]))
            strays |= {(name, float(time)) for time in times[moves][beyond]}
    return strays


def main() -> int:
    """Run the cases; 0 when none failed."""
    parser = argparse.ArgumentParser(description="Run the stochastic cases of the SBML test suite.")
    parser.add_argument("suite", nargs="?", default="", help="folder with the cases, or with a folder a kind")
    parser.add_argument("--only", nargs="*", default=["*"], help='cases to run, such as "0002*"')
    parser.add_argument("--level", default="", help="level and version, such as l2v4; by default the highest")
    parser.add_argument("--runs", type=int, default=RUNS, help="replicates a look")
    parser.add_argument("--processes", type=int, default=2)
    words = parser.parse_args()
    folder = Path(words.suite)
    folder = folder / "stochastic" if (folder / "stochastic").is_dir() else folder
    if not words.suite or not folder.is_dir():
        told = "make sbml SUITE=path/to/sbml-test-suite KIND=stochastic"
        print(f"sbml: expected the folder of the SBML test suite, as in: {told}", file=sys.stderr)
        return 2
    paths = [path for path in cases(folder) if any(fnmatch.fnmatch(path.name, one) for one in words.only)]
    task = partial(judge, level=words.level, runs=words.runs)
    verdicts = []
    with multiprocessing.get_context("spawn").Pool(words.processes, maxtasksperchild=25) as pool:
        for one in pool.imap(task, paths):
            if one is None:
                continue
            verdicts.append(one)
            if one.why and one.outcome != "refused":
                print(f"{one.case} {one.outcome} {one.why}", flush=True)
    for why, number in Counter(reason(one.why) for one in verdicts if one.outcome == "refused").most_common():
        print(f"{number:4d} refused: {why}")
    count = Counter(one.outcome for one in verdicts)
    print(f"stochastic: {count['passed']} passed, {count['failed']} failed, {count['refused']} refused "
          f"of {len(verdicts)}")  # fmt: skip
    return 0 if verdicts and not count["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
