"""The public SBML test suite: every case of a folder simulated and compared, or refused by name.

    python tests/sbml_suite.py FOLDER --kind semantic

A case is a folder with a model, its settings and the expected values, under the suite's own names
(``00001-sbml-l3v2.xml``, ``00001-settings.txt``, ``00001-results.csv``) or plain ones (``model.xml``, ``settings.txt``,
``results.csv``). It passes when |simulated - expected| <= absolute + relative * |expected| at every time and variable.
The last line counts them; the exit code is 0 only if there were cases and none failed, 2 if there is no suite.

A case runs once, so most of its time would go into compiling it. The engine's own code is therefore run as Python
first, within a few thousand steps; what does not pass like that is compiled and judged again. ``--compiled`` compiles
every case, which takes an hour or so.
"""

from __future__ import annotations

import argparse
import csv
import fnmatch
import json
import math
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import libsbml
import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.errors import InputError
from offtarget.models.model import Model
from offtarget.models.sbml import read_model

NOBODY = Cohort(np.array([0], np.uint64), {}, {})
TOLERANCE = 1e-9
#: Steps that a case may take before it is compiled, and after.
FEW, MANY = 10_000, 10_000_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a case: ``passed``, ``failed`` or ``refused``, and why."""

    case: str
    outcome: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """When a case looks at what, and how close it wants to be."""

    times: Floats
    variables: tuple[str, ...]
    absolute: float
    relative: float
    amount: tuple[str, ...]
    concentration: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Settings:
        said, times = read_settings(path)
        names = {key: listed(said, key) for key in ("variables", "amount", "concentration")}
        return cls(times, absolute=float(said["absolute"]), relative=float(said["relative"]), **names)


def read_settings(path: Path) -> tuple[dict[str, str], Floats]:
    """What a settings file says, by key, and the times it asks for."""
    lines = path.read_text(encoding="utf-8").splitlines()
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    start, duration, steps = float(said["start"]), float(said["duration"]), int(said["steps"])
    return said, start + duration * np.arange(steps + 1) / steps


def listed(said: dict[str, str], key: str) -> tuple[str, ...]:
    """The names that a settings file lists under a key."""
    return tuple(name.strip() for name in said.get(key, "").split(",") if name.strip())


def cases(folder: Path) -> list[Path]:
    """The case folders of a suite."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and case_file(path, "settings.txt"))


def case_file(case: Path, name: str) -> Path | None:
    return next((one for one in (case / name, case / f"{case.name}-{name}") if one.is_file()), None)


def model_file(case: Path, level: str) -> Path | None:
    """The case's model: of the wanted level, such as ``l2v4``, or of the highest there is."""
    if level:
        return case_file(case, f"sbml-{level}.xml")
    levels = sorted(case.glob(f"{case.name}-sbml-l?v?.xml"))
    return levels[-1] if levels else case_file(case, "model.xml")


def judge(case: Path, *, level: str = "", twin: bool = False, budget: int = MANY) -> Verdict | None:
    """What becomes of one case; None where it has no model of this level.

    Args:
        case: its folder.
        level: the level and version of SBML wanted, or the highest at hand.
        twin: whether the slow twin simulates instead of the engine.
        budget: steps the engine may take.
    """
    path = model_file(case, level)
    if path is None:
        return None
    text = path.read_text(encoding="utf-8")
    try:
        model = read_model(text, where=case.name)
    except InputError as problem:
        return Verdict(case.name, "refused", str(problem).removeprefix(f"{case.name}: "))
    settings = Settings.read(case_file(case, "settings.txt") or case)
    try:
        found = _answers(model, written(text), settings, twin=twin, budget=budget)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, InputError) as problem:
        return Verdict(case.name, "failed", f"{type(problem).__name__}: {problem}")
    return Verdict(case.name, *_compared(found, _expected(case, settings), settings))


def written(text: str) -> libsbml.Model:
    """The model as libSBML has it, hierarchical ones flattened: what is constant or in which place stands there."""
    document = libsbml.readSBMLFromString(text)
    options = libsbml.ConversionProperties()
    options.addOption("flatten comp", True)
    options.addOption("performValidation", False)
    if document.getPlugin("comp") is not None:
        document.convert(options)
    written.keep = document  # type: ignore[attr-defined]  # a model dies with its document
    return document.getModel()


def _expected(case: Path, settings: Settings) -> Floats:
    """The expected values, a column a variable."""
    with (case_file(case, "results.csv") or case).open(encoding="utf-8") as table:
        head, *rows = [row for row in csv.reader(table) if row]
    names = [name.strip() for name in head[1:]]  # the first column is the time, whatever it is called
    values = np.array([[float(cell) for cell in row[1:]] for row in rows])
    return values[:, [names.index(name) for name in settings.variables]]


def _answers(model: Model, written: libsbml.Model, settings: Settings, *, twin: bool, budget: int) -> Floats:
    """The simulated values of the case's variables, as amounts or concentrations as the case wants them."""
    called = {"time": "time_"}  # what the reader makes of a quantity of that name
    places = {name: one.getCompartment() for name in settings.variables if (one := written.getSpecies(name))}
    wanted = dict.fromkeys((*settings.variables, *places.values()))
    names = tuple(name for name in wanted if called.get(name, name) in model.names())
    asked = tuple(called.get(name, name) for name in names)
    found = _simulated(model, asked, settings.times, twin=twin, budget=budget)
    status = Status(int(found.status[0]))
    if status != Status.FINISHED:
        raise ArithmeticError(f"the simulation ended with {status.name}")
    columns = {name: found.values[0, :, j] for j, name in enumerate(names)}
    columns |= {name: _constant(written, name, settings.times) for name in wanted if name not in columns}
    for name, place in places.items():
        amount = written.getSpecies(name).getHasOnlySubstanceUnits()
        if name in settings.amount and not amount:
            columns[name] = columns[name] * columns[place]
        if name in settings.concentration and amount:
            columns[name] = columns[name] / columns[place]
    return np.column_stack([columns[name] for name in settings.variables])


def _constant(written: libsbml.Model, name: str, times: Floats) -> Floats:
    """What the reader leaves out because no formula needs it: the size of a place, a fixed stoichiometry."""
    one = written.getElementBySId(name)
    if isinstance(one, libsbml.SpeciesReference):
        return np.full(times.size, one.getStoichiometry())
    if isinstance(one, libsbml.Compartment):
        return np.full(times.size, one.getSize())
    raise LookupError(f"the model has no {name}")


def _simulated(
    model: Model, names: tuple[str, ...], times: Floats, *, twin: bool, budget: int
) -> Trajectories:
    if twin:
        from offtarget.engine.reference import simulate_reference

        return simulate_reference(model, NOBODY, Schedule.empty(1), times=times, outputs=names)
    from offtarget.engine.ensemble import build, simulate

    kernel = build(model, outputs=names)
    return simulate(
        kernel, NOBODY, Schedule.empty(1), times=times, tolerance=TOLERANCE, threads=1, budget=budget
    )


def _compared(found: Floats, expected: Floats, settings: Settings) -> tuple[str, str]:
    if found.shape != expected.shape:
        return "failed", f"{expected.shape[0]} times are expected, the settings say {found.shape[0]}"
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        miss = np.abs(found - expected) / (settings.absolute + settings.relative * np.abs(expected))
    miss = np.where(same, 0.0, np.where(np.isfinite(miss), miss, math.inf))
    if np.all(miss <= 1.0):
        return "passed", ""
    row, column = np.unravel_index(int(np.argmax(miss)), miss.shape)
    where = f"{settings.variables[column]} at {settings.times[row]:g}"
    return "failed", f"{where}: {found[row, column]:.9g}, expected {expected[row, column]:.9g}"


def judged(
    paths: Sequence[Path], *, level: str, twin: bool, processes: int, compiled: bool
) -> Iterator[Verdict]:
    """The verdicts on these cases as they come, over several processes."""
    again = []
    if not compiled:
        task = partial(judge, level=level, twin=twin, budget=FEW)
        for path, verdict in zip(paths, _spread(task, paths, processes, compiled=False), strict=True):
            if verdict is not None and (twin or verdict.outcome != "failed"):
                yield verdict
            elif verdict is not None:
                again.append(path)
    task = partial(judge, level=level, twin=twin)
    left = paths if compiled else again
    yield from (one for one in _spread(task, left, processes, compiled=True) if one is not None)


def _spread(
    task: partial[Verdict | None], paths: Sequence[Path], processes: int, *, compiled: bool
) -> Iterator[Verdict | None]:
    """What comes of each case, in order, from processes that compile or do not, with kernels of their own."""
    kept = tempfile.mkdtemp(prefix="offtarget-suite-")  # hundreds of kernels: not among the user's own
    os.environ |= {"OFFTARGET_CACHE": kept, "NUMBA_DISABLE_JIT": str(int(not compiled))}
    try:
        # a process that has compiled many kernels holds on to gigabytes of them
        with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=50) as pool:
            yield from pool.imap(task, paths)
    finally:
        shutil.rmtree(kept, ignore_errors=True)


def reason(why: str) -> str:
    """A refusal without the place in the model it is about, so that equal ones are counted together."""
    head, _, rest = why.partition(": ")
    about_a_place = rest and " " not in head and not rest.startswith("not supported")
    return rest if about_a_place else why


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the SBML test suite.")
    parser.add_argument("suite", nargs="?", default="", help="folder with the cases, or with a folder a kind")
    parser.add_argument("--kind", default="semantic", help="which cases: semantic")
    parser.add_argument("--only", nargs="*", default=["*"], help='cases to run, such as "0002*"')
    parser.add_argument("--level", default="", help="level and version, such as l2v4; by default the highest")
    parser.add_argument("--twin", action="store_true", help="let the slow twin simulate, not the engine")
    parser.add_argument("--compiled", action="store_true", help="compile every case; slow")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--log", type=Path, help="file of verdicts: cases in it are not run again")
    return parser.parse_args()


def _folder(suite: str, kind: str) -> Path | str:
    """Where the cases are, or the sentence that says why there are none."""
    if kind != "semantic":
        return f'sbml: expected KIND=semantic, got "{kind}".'
    if not suite:
        return (
            "sbml: no suite given. Say where it lies: make sbml SUITE=path/to/sbml-test-suite KIND=semantic"
        )
    folder = Path(suite)
    folder = folder / kind if (folder / kind).is_dir() else folder
    if not folder.is_dir():
        return f"sbml: {suite} is not a folder. Give the folder of the SBML test suite as SUITE."
    return folder


def main() -> int:
    """Run the cases; 0 when none failed."""
    words = _words()
    folder = _folder(words.suite, words.kind)
    if isinstance(folder, str):
        print(folder, file=sys.stderr)
        return 2
    paths = [path for path in cases(folder) if any(fnmatch.fnmatch(path.name, one) for one in words.only)]
    done: dict[str, Verdict] = {}
    if words.log and words.log.is_file():
        lines = words.log.read_text(encoding="utf-8").splitlines()
        done = {one.case: one for one in (Verdict(**json.loads(line)) for line in lines)}
    log = words.log.open("a", encoding="utf-8") if words.log else None
    verdicts = [done[path.name] for path in paths if path.name in done]
    left = [path for path in paths if path.name not in done]
    for one in judged(
        left, level=words.level, twin=words.twin, processes=words.processes, compiled=words.compiled
    ):
        verdicts.append(one)
        if one.outcome == "failed":
            print(f"{one.case} failed: {one.why}", flush=True)
        if log is not None:
            print(json.dumps(asdict(one)), file=log, flush=True)
    count = Counter(one.outcome for one in verdicts)
    for why, number in Counter(reason(one.why) for one in verdicts if one.outcome == "refused").most_common():
        print(f"{number:4d} refused: {why}")
    print(f"{words.kind}: {count['passed']} passed, {count['failed']} failed, {count['refused']} refused "
          f"of {len(verdicts)}")  # fmt: skip
    return 0 if verdicts and not count["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
