"""Promises of ``offtarget simulate --stochastic``: replicates of a user's model as a tidy table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from offtarget.engine.replicates import build_chance, numbered, simulate_replicates
from offtarget.errors import InputError
from offtarget.models.sbml import load_model
from offtarget.simulation.by_chance import prepare_by_chance

Run = Callable[..., tuple[int, str, str]]

DIMER = """
model dimer
  substanceOnly species P, P2; P = 100; P2 = 0;
  pairing: 2 P => P2; k1 * P * (P - 1) / 2;
  parting: P2 => 2 P; k2 * P2;
  k1 = 0.001; k2 = 0.01;
  unit time_unit = 86400 second;
end
"""


@pytest.fixture
def dimer(tmp_path: Path) -> Path:
    path = tmp_path / "dimer.ant"
    path.write_text(DIMER, encoding="utf-8")
    return path


def test_replicates_come_as_rows_with_their_number_and_their_status(
    run: Run, dimer: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.parquet"
    times = ("--times", "0:48:24 h", "--outputs", "P,P2")
    code, said, _ = run(dimer, "--stochastic", "--replicates", 300, "--seed", 7, *times, "--out", out)
    assert code == 0
    assert "300 of 300 replicates simulated to the end." in said
    table = pq.read_table(out).to_pandas()
    assert table.columns.tolist() == ["ID", "TIME", "P", "P2", "STATUS"]
    assert table.ID.unique().tolist() == list(range(1, 301))
    assert table.TIME.unique().tolist() == [0.0, 24.0, 48.0]
    assert set(table.STATUS) == {"finished"}
    assert (table.P + 2 * table.P2 == 100).all()
    chance = build_chance(load_model(str(dimer)), outputs=("P", "P2"))
    same = simulate_replicates(chance, numbered(300, first=1), times=[0.0, 1.0, 2.0], seed=7)
    np.testing.assert_array_equal(table[["P", "P2"]].to_numpy(), same.values.reshape(-1, 2))


def test_a_cohort_gives_each_replicate_parameters_of_its_own(run: Run, dimer: Path, tmp_path: Path) -> None:
    cohort, out = tmp_path / "cohort.csv", tmp_path / "found.parquet"
    cohort.write_text("ID,k1,P\n4,0,100\n9,0.001,7\n12,0,2.5\n", encoding="utf-8")
    more = ("--times", "0:1:1 day", "--outputs", "P,P2", "--max-failed", 1, "--json")
    code, said, _ = run(dimer, "--stochastic", "--cohort", cohort, "--out", out, *more)
    assert code == 0
    told = json.loads(said)
    assert told["replicates"] == 3
    assert told["statuses"] == {"finished": 2, "not_countable": 1}
    table = pq.read_table(out).to_pandas()
    assert table[table.ID == 4].P.tolist() == [100.0, 100.0]
    assert table[table.ID == 9].P.iloc[0] == 7.0
    assert table[table.ID == 12].P.isna().all()


def test_what_does_not_go_together_is_said_in_a_sentence(run: Run, dimer: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.csv"
    code, _, told = run(dimer, "--replicates", 3, "--times", "0:1:1 day", "--out", out)
    assert (code, "--stochastic with it" in told) == (3, True)
    regimen = tmp_path / "events.csv"
    regimen.write_text("TIME,AMT,CMT\n0,1,P\n", encoding="utf-8")
    code, _, told = run(dimer, "--stochastic", "--regimen", regimen, "--times", "0:1:1 day", "--out", out)
    assert (code, "no --regimen" in told) == (3, True)
    code, _, told = run(dimer, "--stochastic", "--time-limit", 9, "--times", "0:1:1 day", "--out", out)
    assert (code, "no --time-limit" in told) == (3, True)
    code, _, told = run(dimer, "--stochastic", "--out", out)
    assert (code, 'times such as "0:180:1 day"' in told) == (3, True)
    code, _, told = run("cml", "--stochastic", "--times", "0:1:1 day", "--out", out)
    assert (code, "not supported as counts" in told) == (3, True)
    assert not out.exists()
    with pytest.raises(InputError, match="a cohort or a number of replicates"):
        prepare_by_chance(dimer, times="0:1:1 day", cohort={"k1": [1.0]}, replicates=2)
    with pytest.raises(InputError, match="a number from 1 to 4294967295"):
        prepare_by_chance(dimer, times="0:1:1 day", replicates=0)
