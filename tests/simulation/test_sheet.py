"""Promises about tables that are wrong: one sentence, never a traceback, never a number that nobody wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offtarget.errors import InputError
from offtarget.models.sbml import read_model
from offtarget.simulation.clock import Clock
from offtarget.simulation.compartments import compartments
from offtarget.simulation.event_table import Column, EventTable
from offtarget.simulation.events import COLUMNS, canonical, read_events
from offtarget.simulation.sheet import read_sheet

MODEL = read_model("model m\n a' = -k*a; b' = k*a\n a = 0; b = 0; k = 1\nend", where="m")
CLOCK = Clock("h", "h", "h")


def events(source: object) -> EventTable:
    return read_events(canonical(read_sheet(source, where="regimen")), MODEL, compartments(MODEL), CLOCK)


def said(source: object) -> str:
    with pytest.raises(InputError) as problem:
        events(source)
    text = str(problem.value)
    assert "\n" not in text
    assert len(text) < 1000
    return text


#: A table that is wrong, and what its sentence says.
WRONG = {
    "no TIME": ({"ID": [1], "AMT": [1]}, "a column TIME"),
    "negative amount": ({"TIME": [0], "AMT": [-1], "CMT": ["a"], "EVID": [1]}, "AMT: expected an amount from 0 on"),
    "no amount": ({"TIME": [0], "AMT": ["."], "CMT": ["a"], "EVID": [1]}, "AMT: expected an amount, got nothing"),
    "time going back": ({"TIME": [1, 0], "AMT": [1, 1], "CMT": ["a", "a"]}, "row 2: TIME: expected a time not before"),
    "time before zero": ({"TIME": [-1], "AMT": [1], "CMT": ["a"]}, "from 0 on"),
    "patients mixed": ({"ID": [1, 2, 1], "TIME": [0, 0, 1]}, "row 3: ID: expected rows of a patient together"),
    "no patient": ({"ID": [1, "."], "TIME": [0, 0]}, "row 2: ID"),
    "text in numbers": ({"TIME": ["0", "noon"]}, 'row 2: TIME: expected a number, got "noon"'),
    "infinite": ({"TIME": ["inf"]}, "a finite number"),
    "no time": ({"TIME": ["0", ""]}, "row 2: TIME: expected a number, got nothing"),
    "unknown compartment": ({"TIME": [0], "AMT": [1], "CMT": ["aa"]}, 'Did you mean "a"?'),
    "compartment 3 of 2": ({"TIME": [0], "AMT": [1], "CMT": [3]}, "a number from 1 to 2 (a, b)"),
    "compartment turned off": ({"TIME": [0], "AMT": [1], "CMT": [-1]}, "a number from 1 to 2 (a, b)"),
    "no compartment": ({"TIME": [0], "AMT": [1]}, "CMT: expected the species that is dosed (a, b), got nothing"),
    "SS without II": ({"TIME": [0], "AMT": [1], "CMT": ["a"], "SS": [1]}, "II: expected an interval above 0"),
    "SS 2": ({"TIME": [0], "AMT": [1], "CMT": ["a"], "SS": [2], "II": [1]}, "SS: expected 0 or 1"),
    "SS of no dose": ({"TIME": [0], "EVID": [0], "SS": [1], "II": [1]}, "a row that is no dose"),
    "ADDL without II": ({"TIME": [0], "AMT": [1], "CMT": ["a"], "ADDL": [3]}, "II: expected an interval above 0"),
    "half a dose more": ({"TIME": [0], "AMT": [1], "CMT": ["a"], "ADDL": [0.5], "II": [1]}, "a whole number"),
    "modelled rate": ({"TIME": [0], "AMT": [1], "CMT": ["a"], "RATE": [-2]}, "give RATE or DUR as a number"),
    "negative rate": ({"TIME": [0], "AMT": [1], "CMT": ["a"], "RATE": [-3]}, "RATE: expected a rate from 0 on"),
    "infusion without end": ({"TIME": [0], "AMT": [0], "CMT": ["a"], "RATE": [3]}, "An infusion needs an end"),
    "contradiction": (
        {"TIME": [0], "AMT": [1], "CMT": ["a"], "RATE": [1], "DUR": [2]}, "AMT, RATE and DUR that agree"
    ),
    "EVID 8": ({"TIME": [0], "AMT": [1], "CMT": ["a"], "EVID": [8]}, "5 and 8 replace, 6 multiplies"),
    "unknown action": ({"TIME": [0], "AMT": [1], "CMT": ["a"], "ACTION": ["halve"]}, "add, replace or multiply"),
    "action without a dose": ({"TIME": [0], "ACTION": ["replace"]}, "a row that is no dose"),
    "replace by an infusion": (
        {"TIME": [0], "AMT": [1], "CMT": ["a"], "RATE": [1], "ACTION": ["replace"]}, "ACTION: expected add"
    ),
    "a parameter that varies": ({"TIME": [0], "k": [1]}, "belongs into the cohort table"),
    "unit of time": ({"TIME [mg]": [0]}, "a unit of time"),
    "unit of nothing": ({"TIME": [0], "AMT [mg]": [1], "CMT": ["a"]}, "states no unit"),
    "a column twice": ({"TIME": [0], "time": [1]}, "TIME twice"),
    "no rows": ({"TIME": []}, "rows below it"),
    "columns of two lengths": ({"TIME": [0, 1], "AMT": [1]}, "a mapping of columns"),
    "no table": (3, "a data frame or a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_table_is_a_sentence_with_its_place(name: str) -> None:
    table, expected = WRONG[name]
    if isinstance(table, dict):
        table = {key: [str(value) for value in values] if "." in values or "inf" in values else values
                 for key, values in table.items()}  # fmt: skip
    assert expected in said(table)


#: A file that is wrong, and what its sentence says.
BYTES = {
    "empty": (b"", "got nothing"),
    "blank": (b"\n\n\n", "got nothing"),
    "a header only": (b"TIME,AMT\n", "no rows"),
    "a short row": (b"ID,TIME,AMT,CMT\n1,0,5\n", "4 values in every row"),
    "a long row": (b"TIME,AMT\n0,0,9\n", "2 values in every row"),
    "semicolons": (b"TIME;AMT;CMT\n0;1;a\n", "a column TIME"),
    "a NUL": (b"TIME,AMT\n0,\x001\n", "other bytes"),
    "a late NUL": (b"TIME,AMT\n" + b"0,0\n" * 300_000 + b"\0", "a NUL byte"),
    "another encoding": ("TIME,AMT,Gerät\n0,0,ä\n".encode("latin-1"), "Save it as UTF-8"),
    "UTF-16": ("TIME,AMT\n0,0\n".encode("utf-16"), "other bytes"),
    "an open quote": (b'TIME,AMT\n0,"0\n', "expected"),
    "noise": (np.random.default_rng(1).bytes(100_000_000), "other bytes"),
    "noise without end": (b"abcdefghij" * 1_000_000, "a header of column names"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "other bytes"),
}


@pytest.mark.parametrize("name", BYTES)
def test_a_wrong_file_is_a_sentence(name: str, tmp_path: Path) -> None:
    raw, expected = BYTES[name]
    path = tmp_path / "regimen.csv"
    path.write_bytes(raw)
    assert expected in said(path)


def test_what_is_no_file_is_a_sentence(tmp_path: Path) -> None:
    assert "directory" in said(tmp_path)
    assert "No such file" in said(tmp_path / "gone.csv")
    assert "No such file" in said(tmp_path / "gone.parquet")
    assert "expected a file that can be read" in said(Path("a\0b.csv"))
    (tmp_path / "text.parquet").write_text("TIME\n0\n")
    assert "a Parquet file" in said(tmp_path / "text.parquet")


def test_a_table_is_the_same_from_a_file_a_frame_and_a_mapping(tmp_path: Path) -> None:
    import pandas as pd

    columns = {"ID": [1, 1, 2], "TIME": [0.0, 2.5, 0.0], "AMT": [10.0, None, 3.0], "CMT": ["a", None, "b"]}
    frame = pd.DataFrame(columns, index=[7, 8, 9])
    frame.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "windows.csv").write_bytes(
        b"\xef\xbb\xbf# from the clinic\r\n" + (tmp_path / "t.csv").read_bytes().replace(b"\n", b"\r\n")
    )
    (tmp_path / "r.csv").write_text('"id","Time","amt","Cmt"\n"1",0,10,"a"\n"1",2.5,NA,NA\n"2",0,3,"b"\n')
    (tmp_path / "dots.csv").write_text(" ID , TIME,AMT ,CMT\n1,0,10, a\n1, 2.5 ,.,.\n2,0,3,2\n")
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    first = events(columns)
    for source in (
        frame,
        *(tmp_path / name for name in ("t.csv", "windows.csv", "r.csv", "dots.csv", "t.parquet")),
    ):
        found = events(source)
        assert np.array_equal(found.rows, first.rows), source
        assert found.first == first.first == {"1": (0, 2), "2": (2, 3)}


def test_units_in_the_header_are_converted() -> None:
    model = read_model(
        "model m\n species s; compartment c = 1; s in c; substanceOnly species s; s = 0\n J: s -> ; k*s; k = 1\n"
        " unit time_unit = 86400 second; unit substance = 1e-3 gram\nend",
        where="m",
    )
    table = {"TIME [h]": [24.0], "AMT [g]": [0.5], "RATE [mg/h]": [5.0], "II [week]": [1.0], "ADDL": [1.0]}
    sheet = canonical(read_sheet(table, where="regimen"))
    row = read_events(sheet, model, compartments(model), Clock("day", "h", "h")).rows[0]
    assert row[Column.TIME] == pytest.approx(1.0)
    assert row[Column.AMOUNT] == pytest.approx(500.0)
    assert row[Column.RATE] == pytest.approx(120.0)
    assert row[Column.DURATION] == pytest.approx(500 / 120)
    assert row[Column.INTERVAL] == pytest.approx(7.0)
    bare = canonical(read_sheet({"TIME [h]": [24.0], "AMT": [500.0], "RATE": [5.0]}, where="regimen"))
    row = read_events(bare, model, compartments(model), Clock("day", "h", "h")).rows[0]
    assert row[Column.RATE] == pytest.approx(120.0), "a bare rate is per the unit of TIME"


CELLS = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["", ".", "NA", "a", "b", "1", "-1"]),
)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"TIME,AMT\n" + raw)
    _table_or_sentence(path)


@given(st.lists(st.tuples(*[CELLS] * len(COLUMNS)), min_size=1, max_size=4))
def test_any_cells_are_a_table_or_a_sentence(rows: list[tuple[str, ...]]) -> None:
    _table_or_sentence(dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))


@given(st.sampled_from(COLUMNS), CELLS)
def test_one_bad_cell_in_a_good_table_is_a_table_or_a_sentence(column: str, cell: str) -> None:
    good = {"ID": "1", "TIME": "2", "AMT": "10", "RATE": "0", "DUR": "0", "EVID": "1", "CMT": "a", "SS": "0",
            "II": "12", "ADDL": "2", "ACTION": ""}  # fmt: skip
    found = _table_or_sentence({name: [value, value] for name, value in (good | {column: cell}).items()})
    if found is not None:
        assert np.isfinite(found.rows).all()


def _table_or_sentence(source: object) -> EventTable | None:
    try:
        return events(source)
    except InputError as problem:
        assert "\n" not in str(problem)
        return None
