"""A model whose answers are known in closed form, and the means to write a user's tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import expm

from offtarget import cli
from offtarget.simulation.simulate import Simulation, simulate_table

#: Gut, centre and deep compartment, first order throughout; C is a concentration. With k12 = 0 it has one compartment.
PK = """
model pk
  species gut, centre, deep; compartment body = 1; gut in body; centre in body; deep in body
  substanceOnly species gut, centre, deep
  absorbed: gut -> centre; ka * gut
  cleared: centre -> ; CL / V * centre
  out: centre -> deep; k12 * centre
  back: deep -> centre; k21 * deep
  C := centre / V; odd := 1 / bottom; bottom = 1
  gut = 0; centre = 0; deep = 0
  ka = 1.1; CL = 2; V = 20; k12 = 0.3; k21 = 0.15
  unit litre_per_hour = litre / (3600 second); unit per_hour = 1 / (3600 second); unit mgs = 1e-3 gram
  unit time_unit = 3600 second; unit substance = 1e-3 gram
  ka has per_hour; CL has litre_per_hour; V has litre; k12 has per_hour; k21 has per_hour
end
"""
ONE = {"k12": [0.0]}
STATES = ("gut", "centre", "deep")


def matrix(ka: float = 1.1, ke: float = 0.1, k12: float = 0.3, k21: float = 0.15) -> np.ndarray:
    """d/dt of gut, centre, deep as a matrix."""
    return np.array([[-ka, 0.0, 0.0], [ka, -ke - k12, k21], [0.0, k12, -k21]])


def decay(time: float, start: Sequence[float], **rates: float) -> np.ndarray:
    """The state a time after it was ``start``."""
    return expm(matrix(**rates) * time) @ np.asarray(start, float)


def inflow(time: float, rate: float, **rates: float) -> np.ndarray:
    """The state after an infusion into the centre that began from nothing and still runs."""
    a = matrix(**rates)
    return np.linalg.solve(a, (expm(a * time) - np.eye(3)) @ np.array([0.0, rate, 0.0]))


def csv(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """A CSV file of these columns."""
    rows = zip(*columns.values(), strict=True)
    path.write_text(
        "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8"
    )
    return path


def states(found: Simulation, patient: int | None = None) -> np.ndarray:
    """Gut, centre, deep of one patient at each time, shape (times, 3)."""
    frame = found.table.to_pandas()
    if patient is not None:
        frame = frame[patient == frame.ID]
    return frame[list(STATES)].to_numpy()


def many(n: int) -> tuple[dict[str, object], dict[str, object]]:
    """n patients, each with doses of their own: bolus, infusion, additional doses, a steady state, a reset."""
    rng = np.random.default_rng(3)
    patients = {"ID": np.arange(1, n + 1), "CL": rng.lognormal(0.7, 0.3, n), "V": rng.lognormal(3.0, 0.2, n)}
    each = 4
    regimen = {
        "ID": np.repeat(np.arange(1, n + 1), each),
        "TIME": np.sort(rng.integers(0, 20, (n, each)), axis=1).ravel() * 1.0,
        "AMT": np.tile([100.0, 40.0, 0.0, 60.0], n), "RATE": np.tile([0.0, 10.0, 0.0, 0.0], n),
        "CMT": ["gut", "centre", None, "gut"] * n, "EVID": np.tile([1, 1, 3, 4], n),
        "SS": np.tile([1, 0, 0, 0], n), "II": np.tile([8.0, 0.0, 0.0, 6.0], n), "ADDL": np.tile([3, 0, 0, 2], n),
    }  # fmt: skip
    return patients, regimen


@pytest.fixture(scope="session", name="many")
def give_many() -> Callable[[int], tuple[dict[str, object], dict[str, object]]]:
    return many


@pytest.fixture(scope="session")
def pk(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "pk.ant"
    path.write_text(PK, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def write() -> SimpleNamespace:
    def course(
        pk: str, regimen: Mapping[str, Sequence[object]], times: str | None = "0:48:4 h", **named: object
    ) -> Simulation:
        return simulate_table(
            pk, regimen=dict(regimen), times=times, outputs=[*STATES, "C", "odd"], tolerance=1e-9, **named
        )  # type: ignore[arg-type]

    return SimpleNamespace(
        course=course,
        csv=csv,
        decay=decay,
        inflow=inflow,
        matrix=matrix,
        states=states,
        ONE=ONE,
        STATES=STATES,
        PK=PK,
    )


#: Runs ``offtarget simulate`` with some words: exit code, what was said, what was complained.
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["offtarget", "simulate", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return (left.value.code if isinstance(left.value.code, int) else 0), said.out, said.err

    return run
