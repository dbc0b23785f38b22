"""Promises of ``offtarget simulate``: a file with units, accounts on the screen, an exit code for how it went."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from offtarget.errors import Interrupted
from offtarget.simulation.table import Columns, Writer, rows

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tables(tmp_path: Path, write: SimpleNamespace) -> tuple[Path, Path]:
    patients = write.csv(tmp_path / "cohort.csv", {"ID": [1, 2], "CL [L/h]": [2, 4], "AGE": [60, 70]})
    events = {"id": [1, 1, 2], "time": [0, 0, 12], "amt": [100, 0, 50], "cmt": ["gut", ".", "gut"], "evid": [1, 0, 1],
              "WT": [70, 70, 80]}  # fmt: skip
    return patients, write.csv(tmp_path / "events.csv", events)


NAMES = "gut,centre,deep,C,odd"


def words(pk: str, tables: tuple[Path, Path], out: Path, *more: object) -> tuple[object, ...]:
    patients, events = tables
    return (pk, "--cohort", patients, "--regimen", events, "--out", out, "--outputs", NAMES, *more)


def test_parquet_and_csv_hold_the_same_and_say_their_units(
    run: Run, pk: str, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    more = ("--times", "0:24:6 h", "--covariates", "AGE")
    code, said, _ = run(*words(pk, tables, tmp_path / "new" / "r.parquet", *more))
    assert code == 0
    assert "2 of 2 patients simulated to the end." in said
    assert "Passed over in events.csv: WT." in said
    assert "TIME, II, DUR and RATE have no unit in the header; they are read in h." in said
    assert "TIME [h], gut [mg], centre [mg]" in said
    code, said, err = run(*words(pk, tables, tmp_path / "r.csv", *more, "--json"))
    assert (code, err) == (0, "")
    told = json.loads(said)
    assert (told["rows"], told["patients"], told["statuses"]) == (10, 2, {"finished": 2})
    from_csv = pd.read_csv(tmp_path / "r.csv", float_precision="round_trip")
    from_parquet = pq.read_table(tmp_path / "new" / "r.parquet")
    pd.testing.assert_frame_equal(from_csv, from_parquet.to_pandas(), check_exact=True, check_dtype=False)
    assert list(from_csv.columns) == ["ID", "TIME", *NAMES.split(","), "STATUS"]
    units = pd.read_csv(tmp_path / "r.units.csv", keep_default_na=False)
    assert dict(zip(units.column, units.unit, strict=True)) == told["units"]
    assert from_parquet.schema.field("centre").metadata[b"unit"] == b"mg"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cohort.csv",
        "events.csv",
        "new",
        "r.csv",
        "r.units.csv",
    ]


def test_rows_with_evid_0_say_when_to_look(
    run: Run, pk: str, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    code, said, _ = run(*words(pk, tables, tmp_path / "r.csv", "--covariates", "AGE"))
    assert code == 0, said
    found = pd.read_csv(tmp_path / "r.csv")
    assert (found.ID.tolist(), found.TIME.tolist(), found.gut.tolist()) == ([1], [0], [100])


def test_failed_patients_are_counted_and_make_exit_4_with_the_result_written(
    run: Run, pk: str, tmp_path: Path, write: SimpleNamespace
) -> None:
    tables = (write.csv(tmp_path / "c.csv", {"ID": ["a", "b"], "bottom": [1, 0]}),
              write.csv(tmp_path / "e.csv", {"TIME": [0], "AMT": [1], "CMT": ["gut"]}))  # fmt: skip
    out = tmp_path / "r.csv"
    code, said, err = run(*words(pk, tables, out, "--times", "0, 1 h"))
    assert code == 4
    assert "1 of 2 patients failed" in err
    assert "1 output_not_finite: Simulated to the end, but" in said
    assert pd.read_csv(out).STATUS.tolist() == ["finished"] * 2 + ["output_not_finite"] * 2
    code, _, _ = run(*words(pk, tables, out, "--times", "0, 1 h", "--max-failed", "0.5"))
    assert code == 0


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "no such model": (("no_such_model",), "not in the catalogue"),
    "no such file": (("gone.xml",), "no such file"),
    "no times": (("hahnel2020",), "Give --times"),
    "bad times": (("hahnel2020", "--times", "0:10 month"), "times: expected"),
    "bare times": (("hahnel2020", "--times", "0:10:1"), 'write "month" after the numbers'),
    "no such output": (("hahnel2020", "--times", "0:10:1 month", "--outputs", "Q"), 'the model has no "Q"'),
    "an ending that is no table": (("hahnel2020", "--times", "0, 1 month", "--out", "r.xlsx"), ".parquet or .csv"),
    "a folder": (("hahnel2020", "--times", "0:1:1 month", "--out", "folder.csv"), "got \"a folder\""),
    "a file as a folder": (("hahnel2020", "--times", "0:1:1 month", "--out", "c.csv/r.csv"), "a file to write to"),
    "its own input": (("hahnel2020", "--times", "0:1:1 month", "--cohort", "c.csv", "--out", "c.csv"), "not read here"),
    "a cohort that is a folder": (("hahnel2020", "--times", "0:1:1 month", "--cohort", "folder.csv"), "directory"),
    "tolerance": (("hahnel2020", "--times", "0:1:1 month", "--tolerance", "5"), "tolerance: expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_sentence_and_exit_3(
    name: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "c.csv").write_text("ID\n1\n", encoding="utf-8")
    given, expected = WRONG[name]
    code, said, err = run("--out", "r.csv", *given)
    assert (code, said) == (3, "")
    *above, last = err.splitlines()
    assert not above or name == "tolerance", (
        "only what the engine complains of may come after a bar has begun"
    )
    assert last.startswith("offtarget: ")
    assert expected in last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.csv", "folder.csv"]


def test_the_example_of_the_page_runs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text(encoding="utf-8")
    blocks = [
        textwrap.dedent(block)
        for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", page, flags=re.MULTILINE)
    ]
    monkeypatch.chdir(tmp_path)
    for name, start in (("pk.ant", "model"), ("cohort.csv", "ID,CL"), ("events.csv", "ID,TIME")):
        (block,) = (one for one in blocks if one.startswith(start))
        Path(name).write_text(block, encoding="utf-8")
    (command,) = (one for one in blocks if one.startswith("offtarget simulate pk.ant"))
    code, said, _ = run(*shlex.split(command)[2:])
    assert code == 0
    assert "2 of 2 patients" in said
    (code_block,) = (one for one in blocks if one.startswith("from offtarget"))
    exec(code_block, {})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_run_that_is_stopped_leaves_an_earlier_result_as_it_was(tmp_path: Path, ending: str) -> None:
    columns = Columns(("x",), ("mg",), "h", True)
    part = rows(columns, ["1"], [np.zeros(2)], [np.ones((2, 1))], ["finished"])
    out = tmp_path / f"r.{ending}"
    out.write_text("earlier")
    with pytest.raises(Interrupted), Writer(out, columns) as writer:
        writer.write(part)
        raise Interrupted("Cancelled.")
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    assert out.read_text() == "earlier"
