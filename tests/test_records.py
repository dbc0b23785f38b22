"""TOML and CSV to frozen nouns: whatever is wrong, one sentence that names the file and the key."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offtarget.errors import InputError
from offtarget.records import Table, read_csv, read_text, read_toml

_EVIDENCE = 'evidence = "larson2008", grade = "measured"'
_GOOD = f"""
title = "A study"
kind = "virtual"
patients = 200
paired = true
horizon = "15 years"
names = ["a", "b"]
dose = {{ value = 400, unit = "mg", {_EVIDENCE} }}
clearance = {{ distribution = "lognormal", median = 14.3, log_sd = 0.356, unit = "L/h", {_EVIDENCE} }}
[one]
size = 3
[[arm]]
name = "first"
[[arm]]
name = "second"
[many.x]
size = 1
[many.y]
size = 2
"""


def _read(table: Table) -> dict[str, Any]:
    """Reads a table the way a loader does: every kind of value once, then nothing may be left over."""
    inner, arms, many = table.table("one"), table.tables("arm", least=1), table.named_tables("many")
    found = {
        "title": table.text("title"),
        "kind": table.choice("kind", ["virtual", "real"], kind="study"),
        "patients": table.number("patients", low=1, high=1e6),
        "paired": table.flag("paired", default=False),
        "horizon": table.measure("horizon", of="day", example="15 years"),
        "names": table.texts("names"),
        "dose": table.quantity("dose", of="mg"),
        "clearance": table.distribution("clearance", of="L/day"),
        "size": inner.number("size"),
        "arms": [arm.text("name") for arm in arms],
        "many": {name: one.number("size") for name, one in many.items()},
    }
    for one in (*arms, *many.values(), inner, table):
        one.done()
    return found


def _load(folder: Path, text: str | bytes) -> dict[str, Any]:
    path = folder / "study.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return _read(read_toml(path))


def test_a_good_table_is_read_whole(tmp_path: Path) -> None:
    found = _load(tmp_path, _GOOD)
    assert (found["title"], found["patients"], found["horizon"]) == ("A study", 200.0, 15 * 365.25)
    assert found["dose"].to("g") == 0.4 and found["clearance"].to("L/day").median() == pytest.approx(343.2)
    assert found["arms"] == ["first", "second"] and found["many"] == {"x": 1.0, "y": 2.0}


_CORRUPT = [
    ('title = "A study"', "", "title", "got nothing"),
    ('title = "A study"', "title = 3", "title", "a text"),
    ('title = "A study"', 'title = "  "', "title", "a text"),
    ('kind = "virtual"', 'kind = "vrtual"', "kind", 'Did you mean "virtual"'),
    ("patients = 200", "patients = 0", "patients", "from 1 to 1e"),
    ("patients = 200", "patients = nan", "patients", "from 1 to 1e"),
    ("patients = 200", "patients = inf", "patients", "from 1 to 1e"),
    ("patients = 200", f"patients = 1{'0' * 400}", "patients", "from 1 to 1e"),
    ("patients = 200", f"patients = 0x{'f' * 9000}", "patients", "too large to print"),
    ("patients = 200", "patients = true", "patients", "a number"),
    ("patients = 200", 'patients = "200"', "patients", "a number"),
    ("patients = 200", "pateints = 200", "patients", "got nothing"),
    ("paired = true", "paired = 1", "paired", "true or false"),
    ("paired = true", "paired = true\nparied = false", "paried", 'not known here.*Did you mean "paired"'),
    ('"15 years"', "15", "horizon", "a quantity"),
    ('"15 years"', '"15"', "horizon", "Add a unit"),
    ('"15 years"', '"15 mg"', "horizon", "not .time."),
    ('"15 years"', '"-1 year"', "horizon", "at least 0 day"),
    ('["a", "b"]', '["a", 2]', "names", "a list of texts"),
    ('["a", "b"]', '"a"', "names", "a list of texts"),
    ("value = 400", 'value = "400"', "dose: value", "a number"),
    ("value = 400", "valeu = 400", "dose: value", "got nothing"),
    ('unit = "mg"', 'unit = "L"', "dose: unit", 'like "mg"'),
    ('unit = "mg"', 'unit = "mgg"', "dose: unit", "a unit"),
    ('unit = "mg", ', "", "dose: unit", "got nothing"),
    ('"larson2008", grade = "measured" }\nclear',
     '"larson2009", grade = "measured" }\nclear', "dose: evidence", "Did you mean"),
    ('grade = "measured" }\nclear', 'grade = "sure" }\nclear', "dose: grade", "Known grades"),
    ('grade = "measured" }\nclear', 'grade = "assumed" }\nclear', "dose: reason", "why this is assumed"),
    ('grade = "measured" }\nclear', 'grade = "measured", note = 1 }\nclear', "dose: note", "not known here"),
    ('"lognormal"', '"lognorm"', "clearance: distribution", "Did you mean"),
    ("log_sd = 0.356", "log_sd = -1", "clearance", "log_sd to be zero or more"),
    ("log_sd = 0.356", "sd = 0.356", "clearance: log_sd", "got nothing"),
    ("median = 14.3", "median = -14.3", "clearance", "to be positive"),
    ("[one]", "[[one]]", "one", r"a table \[one\]"),
    ('[[arm]]\nname = "second"', '[[arm]]\nname = 2', "arm 2: name", "a text"),
    ('[[arm]]\nname = "first"\n[[arm]]\nname = "second"', "", "arm", r"at least 1 \[\[arm\]\]"),
    ('[[arm]]\nname = "first"\n[[arm]]\nname = "second"', "[arm]\nx = 1", "arm", r"written as \[\[arm\]\]"),
    ("[many.y]\nsize = 2", '[many.y]\nsize = "2"', "many: y: size", "a number"),
]  # fmt: skip


@pytest.mark.parametrize(("was", "now", "key", "said"), _CORRUPT)
def test_each_corruption_is_named_by_file_key_and_expectation(
    tmp_path: Path, was: str, now: str, key: str, said: str
) -> None:
    assert _GOOD.count(was) == 1
    with pytest.raises(InputError, match=rf"(?s)^study\.toml: {key}.*{said}") as caught:
        _load(tmp_path, _GOOD.replace(was, now))
    assert str(caught.value).isprintable() and len(str(caught.value)) < 600


_NOT_TOML: dict[str, bytes] = {
    "not TOML": b"title = ", "twice": b"a = 1\na = 2", "null bytes": b"a = 1\x00",
    "Latin-1": "title = 'Zürich'".encode("latin-1"),
    "UTF-16": "a = 1".encode("utf-16"), "binary": bytes(range(256)), "deep": b"a = " + b"[" * 100_000,
    "deep table": b"a = " + b"{a=" * 50_000, "integer of thousands of digits": b"a = " + b"9" * 5000,
    "large": b"#" * 5_000_001,
}  # fmt: skip


@pytest.mark.parametrize("raw", _NOT_TOML.values(), ids=_NOT_TOML.keys())
def test_what_is_not_toml_gives_one_sentence(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(InputError, match=r"study\.toml: expected") as caught:
        _load(tmp_path, raw)
    assert str(caught.value).isprintable()


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    assert _load(tmp_path, b"\xef\xbb\xbf" + _GOOD.replace("\n", "\r\n").encode()) == _load(tmp_path, _GOOD)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_at_all_give_a_table_or_a_sentence(tmp_path: Path, raw: bytes) -> None:
    try:
        _load(tmp_path, raw)
    except InputError as problem:
        assert "study.toml: " in str(problem) and str(problem).isprintable()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.integers(0, len(_GOOD)), st.integers(0, 12), st.text(max_size=6))
def test_any_edit_of_a_good_file_is_read_or_gives_a_sentence(
    tmp_path: Path, place: int, cut: int, put: str
) -> None:
    text = _GOOD[:place] + put + _GOOD[place + cut :]
    try:
        _load(tmp_path, text.encode("utf-8", "surrogatepass"))
    except InputError as problem:
        assert "study.toml: " in str(problem) and str(problem).isprintable()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "key",
    ["title", "kind", "patients", "paired", "horizon", "names", "dose", "clearance", "one", "arm", "many"],
)
@given(value=_VALUES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_under_any_key_is_read_or_gives_a_sentence_that_names_it(
    tmp_path: Path, key: str, value: Any
) -> None:
    path = tmp_path / "study.toml"
    path.write_text(_GOOD)
    data = read_toml(path).data
    data[key] = value
    try:
        _read(Table(data, "study.toml"))
    except InputError as problem:
        assert str(problem).startswith(f"study.toml: {key}") and str(problem).isprintable()


def test_a_default_stands_in_only_when_the_key_is_absent() -> None:
    table = Table({"bad": 3}, "f.toml")
    assert table.text("a", default="x") == "x" and table.number("b", default=2.5) == 2.5
    assert table.texts("c", default=("y",)) == ("y",) and table.flag("d", default=True) is True
    assert table.choice("e", ["p", "q"], kind="letter", default="q") == "q"
    assert table.measure("f", of="day", example="1 day", default="2 weeks") == 14
    assert (
        table.table("g", optional=True).data == {}
        and table.tables("h") == ()
        and table.named_tables("i") == {}
    )
    with pytest.raises(InputError):
        table.text("bad", default="x")


def test_an_assumed_number_needs_a_reason_and_no_source() -> None:
    said = Table({"grade": "assumed", "reason": "no data"}, "f.toml").evidence()
    assert (said.source, said.note) == ("", "no data")
    with pytest.raises(InputError, match=r"^f\.toml: evidence: expected a reference key"):
        Table({"grade": "measured"}, "f.toml").evidence()


@pytest.mark.parametrize("name", ["missing.toml", "folder", "nul\x00.toml", "x" * 5000 + ".toml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="expected a file that can be read") as caught:
        read_text(tmp_path / name)
    assert str(caught.value).isprintable()


def test_a_file_without_read_permission_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = tmp_path / "closed.toml"
    path.write_text("a = 1")
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read_text(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file on this machine")
def test_an_endless_file_is_refused_and_not_read_to_the_end() -> None:
    with pytest.raises(InputError, match="below 5 MB"):
        read_text(Path("/dev/zero"))


def test_a_csv_is_read_past_its_stamp(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('# source, date\na,b\n# a note\n1,"x, y"\n\n2,z\n')
    assert read_csv(path, columns=["a", "b"]) == ({"a": "1", "b": "x, y"}, {"a": "2", "b": "z"})


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "columns a, b"), ("# only a stamp\n", "columns a, b"), ("a,c\n1,2\n", "columns b"),
     ("a,b,a\n1,2,3\n", "each column once"),
     ("a,b\n1,2\n3\n", "row 2: expected 2 values"), ("a,b\n1,2,3\n", "row 1: expected 2 values"),
     ('a,b\n1,"2\n', "comma-separated"),
     ("a,b\n1," + "x" * 200_000, "comma-separated")],
)  # fmt: skip
def test_a_bad_csv_is_refused_with_file_and_row(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"^t\.csv: .*{said}"):
        read_csv(path, columns=["a", "b"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_at_all_give_csv_rows_or_a_sentence(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "t.csv"
    for content in (raw, b"a,b\n" + raw):
        path.write_bytes(content)
        try:
            rows = read_csv(path, columns=["a", "b"])
        except InputError as problem:
            assert "t.csv: " in str(problem) and str(problem).isprintable()
        else:
            assert all({"a", "b"} <= set(row) for row in rows)


@pytest.mark.parametrize(
    "ask",
    [lambda t: t.text("k\n\x1b"), lambda t: t.done(), lambda t: t.table("k\n\x1b", optional=False)],
)
def test_a_key_with_control_characters_cannot_break_the_sentence(ask: Callable[[Table], object]) -> None:
    with pytest.raises(InputError) as caught:
        ask(Table({"k\n\x1b": 3}, "f.toml"))
    assert str(caught.value).isprintable()
