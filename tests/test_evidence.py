"""No number without a source."""

import json
import re
from dataclasses import dataclass, field
from types import MappingProxyType

import pytest

from offtarget.catalog import data
from offtarget.errors import InputError
from offtarget.evidence import Evidence, Grade, Quantity, cite, digest, grades, reference, sources, stamp

_ROWS = json.loads(data("references.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class _Noun:
    dose: Quantity
    parts: tuple[object, ...] = ()
    table: object = field(default_factory=dict)


def _quantity(source: str, grade: Grade = Grade.MEASURED) -> Quantity:
    return Quantity(24.0, "h", Evidence(source, grade))


def test_a_quantity_converts_and_keeps_to_its_dimension() -> None:
    assert _quantity("larson2008").to("day") == 1.0
    with pytest.raises(InputError):
        _quantity("larson2008").to("mg")


def test_citing_a_noun_finds_every_source_however_deep_and_each_once() -> None:
    deep = _Noun(
        _quantity("davis2011"),
        ([_quantity("larson2008")],),
        MappingProxyType({"a": (_quantity("davis2011"),)}),
    )
    noun = _Noun(_quantity("widmer2006"), (deep, "text", 3), {"b": _quantity("kaplan1958")})
    assert sources(noun) == ("widmer2006", "davis2011", "larson2008", "kaplan1958")
    assert [one.key for one in cite(noun)] == ["davis2011", "kaplan1958", "larson2008", "widmer2006"]


def test_a_reference_held_by_a_noun_is_cited_and_is_not_a_graded_number() -> None:
    noun = _Noun(_quantity("davis2011"), (reference("larson2008"),))
    assert sources(noun) == ("davis2011", "larson2008")
    assert sum(grades(noun).values()) == 1


def test_citing_an_unknown_source_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(InputError, match=r'"larson2009" is not in the list.*Did you mean "larson2008"'):
        cite(_Noun(_quantity("larson2009")))


def test_an_assumed_number_without_a_source_cites_nothing_but_is_counted() -> None:
    noun = _Noun(Quantity(1.0, "", Evidence("", Grade.ASSUMED, "no data")), (_quantity("larson2008"),))
    assert sources(noun) == ("larson2008",)
    assert grades(noun) == {"measured": 1, "derived": 0, "fitted": 0, "assumed": 1}


def test_a_digest_depends_on_where_the_parts_are_divided_and_not_on_their_type() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("ab") == digest(b"ab")
    assert re.fullmatch("[0-9a-f]{64}", digest())


def test_the_stamp_names_every_library_that_could_change_a_number() -> None:
    assert {"offtarget", "numpy", "scipy", "numba", "python", "machine"} <= set(stamp())


def test_the_reference_list_is_sorted_unique_and_stably_formatted() -> None:
    keys = [row["id"] for row in _ROWS]
    assert keys == sorted(set(keys))
    text = json.dumps(_ROWS, indent=1, ensure_ascii=False) + "\n"
    assert data("references.json").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row["id"])
def test_a_reference_is_complete_and_its_identifiers_are_well_formed(row: dict[str, object]) -> None:
    fields = {
        "id",
        "type",
        "author",
        "issued",
        "title",
        "container-title",
        "volume",
        "page",
        "publisher",
        "edition",
        "DOI",
        "PMID",
        "URL",
        "note",
    }
    assert set(row) <= fields and {"id", "type", "author", "title"} <= set(row)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", str(row["id"]))
    assert "DOI" not in row or re.fullmatch(r"10\.\d{4,9}/\S+", str(row["DOI"]))
    assert "PMID" not in row or re.fullmatch(r"\d{7,8}", str(row["PMID"]))
    found = reference(str(row["id"]))
    assert found.authors and found.title and (found.year == 0 or 1900 < found.year <= 2026)
    assert found.line().count("..") == 0 and found.line().isprintable()


def test_no_identifier_belongs_to_two_references() -> None:
    for kind in ("DOI", "PMID"):
        known = [row[kind] for row in _ROWS if kind in row]
        assert len(known) == len(set(known))
