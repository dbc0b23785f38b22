"""The catalogue: every entry loads, every number's source exists, every source is used."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from offtarget.catalog import KINDS, data, find, ids
from offtarget.errors import InputError
from offtarget.evidence import cite, reference
from offtarget.records import read_csv

#: Kind -> its loader. A kind with entries must have one.
_LOADERS = {
    "drugs": ("offtarget.pharmacology.drug", "load_drug"),
    "mechanisms": ("offtarget.pharmacology.mechanism", "load_mechanism"),
    "models": ("offtarget.models.sbml", "load_model"),
    "populations": ("offtarget.population", "load_population"),
    "targets": ("offtarget.pharmacology.targets", "load_targets"),
    "trials": ("offtarget.trials.study", "load_trial"),
}
#: References that no entry cites yet, and why they are kept.
_KEPT = {
    "trials, models, exposures and panels that the next rooms will calibrate and validate on": {
        "breccia2020", "burchert2022", "clapp2015", "cross2015", "cross2023", "davis2011", "delbaldo2006",
        "euroski2014",
        "fassoni2018", "gotta2012", "hahnel2020", "judson2005", "karaman2008", "klaeger2017", "kretz2004",
        "leighow2020", "li2010", "mahon2010", "marin2010", "michor2005", "saglio2010", "schmidli2005", "sokal1984",
        "soverini2019",
        "yoo2013",
    },
    "methods that the code cites in its docstrings": {
        "cox1972", "efron1977", "gibaldi1982", "greenwood1926", "hairer1996", "jaeger1995", "kaplan1958", "kendall1948",
        "lea1949", "mantel1966", "royston2013",
        "salmon2011",
        "steinebach2023", "tsitouras2011", "wilson1927",
    },
}  # fmt: skip
_ENTRIES = [(kind, name) for kind in KINDS for name in ids(kind)]
_ROOT = data()
_FILES = sorted(path for path in _ROOT.rglob("*") if path.suffix in {".toml", ".csv", ".ant", ".j2", ".xml"})
_KEYS = {row["id"] for row in json.loads(data("references.json").read_text(encoding="utf-8"))}


def test_the_catalogue_has_entries() -> None:
    assert _ENTRIES


@pytest.mark.parametrize(("kind", "name"), _ENTRIES, ids=[f"{kind}-{name}" for kind, name in _ENTRIES])
def test_every_entry_loads_and_every_source_it_names_exists(kind: str, name: str) -> None:
    module, loader = _LOADERS[kind]
    noun = getattr(import_module(module), loader)(name)
    for found in cite(noun):
        assert reference(found.key) is found


def _cited(path: Path) -> set[str]:
    """The reference keys that a data file names: its evidence columns, its evidence keys, its annotations."""
    text = path.read_text(encoding="utf-8")
    found = set(re.findall(r'\b(?:evidence|source)\s*[=:]\s*"([a-z][a-z0-9_]*)"', text))
    if path.suffix == ".csv":
        rows = read_csv(path, columns=[])
        found |= {row["evidence"] for row in rows if row.get("evidence")}
    return found


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_every_key_in_a_data_file_is_in_the_reference_list(path: Path) -> None:
    assert _cited(path) <= _KEYS


def test_every_reference_is_used_in_the_catalogue_or_carries_a_claim_or_is_kept_for_a_reason() -> None:
    rows = json.loads(data("references.json").read_text(encoding="utf-8"))
    claims = {row["id"] for row in rows if row.get("note", "").startswith("Claims: ")}
    words = set(re.findall(r"[a-z][a-z0-9_]*", " ".join(path.read_text(encoding="utf-8") for path in _FILES)))
    kept = set().union(*_KEPT.values())
    assert kept <= _KEYS
    assert _KEYS - words - claims - kept == set()


def test_names_are_sorted_and_the_same_name_finds_the_same_file() -> None:
    for kind in KINDS:
        assert list(ids(kind)) == sorted(set(ids(kind)))
        for name in ids(kind):
            assert find(kind, name).is_file() and find(kind, name).name.startswith(name + ".")


def test_a_users_own_file_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("")
    assert find("drugs", str(path)) == path


@pytest.mark.parametrize(
    "name", ["no/such/file.toml", "mine.toml", "a\x00b/c.toml", "x" * 9999 + ".toml", "..\\x.toml", "/"]
)
def test_a_path_to_nothing_is_one_sentence(name: str) -> None:
    with pytest.raises(InputError, match=r"expected a file (with a drug|name that can be printed)") as caught:
        find("drugs", name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["imatinb", "", "\n", "x" * 9999, "."])
def test_an_unknown_name_is_one_sentence(name: str) -> None:
    with pytest.raises(InputError, match="is not in the catalogue") as caught:
        find("trials", name)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


def test_published_outcomes_are_complete_and_make_sense() -> None:
    columns = [
        "trial",
        "arm",
        "endpoint",
        "definition",
        "month",
        "value",
        "unit",
        "low",
        "high",
        "n",
        "evidence",
    ]
    rows = read_csv(data("outcomes.csv"), columns=columns)
    assert len(rows) > 100
    for row in rows:
        assert row["trial"] and row["arm"] and row["endpoint"] and row["definition"] and row["unit"], row
        assert reference(row["evidence"]), row
        value = float(row["value"])
        assert row["month"] == "" or 0 <= float(row["month"]) <= 300, row
        assert row["n"] == "" or int(row["n"]) > 0, row
        assert (row["low"] == "") == (row["high"] == ""), row
        if row["low"]:
            assert float(row["low"]) <= value <= float(row["high"]), row
        if row["unit"] == "percent":
            assert 0 <= value <= 100, row


def test_a_published_point_of_a_study_is_the_one_in_the_table_of_outcomes() -> None:
    """The studies and the table were written apart: a slip in one shows."""
    from offtarget.trials.study import load_trial

    rows = read_csv(data("outcomes.csv"), columns=["evidence"])
    known = {(row["evidence"], float(row["month"]), float(row["value"])) for row in rows if row["month"]}
    opposite = {(key, month, round(100 - value, 6)) for key, month, value in known}
    for name in ids("trials"):
        for point in load_trial(name).published:
            address = (point.evidence.source, point.month, point.value)
            assert address in known | opposite, f"{name}: {address}"
