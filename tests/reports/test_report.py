import hashlib
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from offtarget.arrays.trajectories import Status
from offtarget.reports.report import write_report
from offtarget.reports.table import lines


class Page(HTMLParser):
    """Tables as rows of cell texts, the visible text, and every tag with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.tags, self.words, self._table, self._cell, self._hidden = (
            {},
            [],
            [],
            None,
            None,
            None,
        )
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "table":
            self._table = self.tables.setdefault(attrs["id"], [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag in ("style", "title"):
            self._hidden = tag

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self._cell is not None:
            self._table[-1].append("".join(self._cell).strip())
            self._cell = None
        if tag == self._hidden:
            self._hidden = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell.append(data)
        if self._hidden is None:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Writes a report and reads it back."""

    def write(made):
        path = write_report(made, tmp_path_factory.mktemp("run") / "stim1")
        text = path.read_text(encoding="utf-8")
        return path, text, Page(text)

    return write


@pytest.fixture(scope="session")
def page(usual, written):
    """The page of the usual result: its path, its text, and what was read back."""
    return written(usual)


def test_the_page_needs_nothing_but_itself(page):
    _, text, read = page
    for tag, attrs in read.tags:
        assert tag not in (
            "script",
            "link",
            "iframe",
            "object",
            "embed",
            "img",
            "image",
            "use",
            "base",
            "form",
        )
        assert not {"src", "srcset", "data", "poster", "background", "action"} & set(attrs)
        assert not any(name.startswith("on") for name in attrs)
        if "href" in attrs:
            assert tag == "a"
            assert attrs["href"].startswith(("#", "figures/", "https://doi.org/"))
        for name, value in attrs.items():
            assert name == "href" or name.startswith("xmlns") or "://" not in (value or "")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "@import" not in text and "@font-face" not in text and "url(" not in style and "://" not in style
    assert all(found.startswith("#") for found in re.findall(r"url\(([^)]*)\)", text))


def test_every_link_inside_the_page_has_its_place(page):
    path, _, read = page
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in read.tags:
        if tag == "a" and attrs["href"].startswith("#"):
            assert attrs["href"][1:] in ids
        if tag == "a" and attrs["href"].startswith("figures/"):
            assert (path.parent / attrs["href"]).stat().st_size > 0


def test_the_numbers_on_the_page_are_the_numbers_of_the_result(usual, page):
    body = [row for row in page[2].tables["table-results"][2:] if len(row) > 1]
    told = lines(usual)
    assert len(body) == len(told)
    order = [
        (estimate, published) for estimate in usual.estimates for published in (estimate.published or (None,))
    ]
    for row, (estimate, published) in zip(body, order, strict=True):
        assert float(row[0]) == estimate.month
        assert (int(row[1]), int(row[2])) == (estimate.n, estimate.at_risk)
        assert float(row[3]) == pytest.approx(estimate.value, abs=0.0501)
        assert [float(side) for side in row[4].split(" to ")] == pytest.approx(
            [estimate.low, estimate.high], abs=0.0501
        )
        if published is None:
            assert row[5] == "none published"
            continue
        assert float(row[5]) == pytest.approx(published.value, abs=0.0501)
        assert row[6] == ("33.0 to 52.0" if math.isfinite(published.low) else "no interval")
        assert row[7] == (str(published.n) if published.n else "not given")
        assert float(row[9].replace("−", "-")) == pytest.approx(estimate.value - published.value, abs=0.0501)


def test_arms_and_rules_can_be_checked_on_the_page(usual, page):
    table = page[2].tables["table-arms"]
    cells = [cell for row in table for cell in row]
    for arm in usual.trial.arms:
        assert arm.name in cells and arm.regimen_text in cells
        assert all(rule.when in cells and rule.then in cells for rule in arm.rules)


def test_every_failure_appears_with_its_sentence_and_its_number(result, written):
    failed = {status: 2 + status for status in Status if status != Status.FINISHED}
    _, _, page = written(result(n=100, statuses=failed))
    for row in page.tables["table-accounts"][1:]:
        assert row[1:4] == ["100", str(100 - sum(failed.values())), str(sum(failed.values()))]
        for status, number in failed.items():
            assert f"{number}: {status.sentence}" in row[4]


def test_who_never_started_a_clock_is_counted(result, written):
    _, _, page = written(result(n=100, stopped=30, arms=1))
    never = 'never came to "stop imatinib"'
    assert [
        "stop after 24 months",
        "treatment-free remission",
        "stop imatinib",
        "30",
        "70",
        never,
    ] in page.tables["table-clocks"]


def test_exposure_parameters_grades_and_comparisons_are_told(usual, page):
    exposure = page[2].tables["table-exposures"][1]
    assert exposure[4] == "979" and float(exposure[3]) == pytest.approx(
        usual.troughs["imatinib"].mean(), rel=1e-3
    )
    shown = {row[0]: row for row in page[2].tables["table-parameters"]}
    for row in usual.parameters:
        assert shown[row.name][1] == row.value
    assert [row[2] for row in page[2].tables["table-grades"][1:]] == ["1", "1", "0", "1", "1", "4"]
    assert "starting values, not calibrated" in page[2].text
    assert page[2].tables["table-comparisons"][1][3].startswith(f"{usual.comparisons[0].hazard_ratio:.2f}")


def test_seed_digest_versions_and_the_commands_are_there(usual, page):
    facts = {row[0]: row[1] for row in page[2].tables["table-facts"]}
    assert facts["seed"] == "7"
    assert usual.digest() in facts.values()
    assert facts["version of numpy"] == "2.4.6"
    assert usual.digest_outputs() in facts.values()
    kept = page[0].parent.as_posix()
    assert f"offtarget replay {kept}" in page[2].text
    study = f"{kept}/study.toml"  # a study of the user's own, though it is called like one of the catalogue
    assert f"offtarget trial {study} --patients 400 --seed 7 --out {kept}-again" in page[2].text
    assert "Not for clinical use." in page[2].text


def test_references_name_every_source_and_say_when_one_is_unknown(usual, written):
    made = usual
    lost = replace(made.parameters[0], evidence=replace(made.parameters[0].evidence, source="nobody1900"))
    page = written(replace(made, parameters=(*made.parameters, lost)))[2]
    ids = {attrs["id"] for tag, attrs in page.tags if tag == "li" and "id" in attrs}
    assert ids == {"ref-larson2008", "ref-widmer2006", "ref-hahnel2020", "ref-mahon2010", "ref-nobody1900"}
    assert "nobody1900: not in the reference list." in page.text


HOSTILE = '<script>alert("x")</script> & {{ 7 * 7 }} \' " </title></style><img src=x onerror=y>'


def test_hostile_text_is_shown_never_obeyed(result, trial, written):
    arms = tuple(replace(arm, name=HOSTILE + arm.name, regimen_text=HOSTILE) for arm in trial().arms)
    study = replace(trial(published=False), arms=arms, title=HOSTILE, question=HOSTILE, notes=(HOSTILE,))
    made = result(trial=study)
    made = replace(made, parameters=tuple(replace(row, meaning=HOSTILE, value=HOSTILE) for row in made.parameters),
                   versions={HOSTILE: HOSTILE})  # fmt: skip
    _, text, page = written(made)
    tags = {tag for tag, _ in page.tags}
    assert not {"script", "img"} & tags
    assert not any("onerror" in attrs for _, attrs in page.tags)
    assert page.text.count('alert("x")') > 5
    assert "{{ 7 * 7 }}" in page.text and "49 '" not in page.text
    assert "<script" not in text


def _nan(estimate):
    return replace(estimate, value=math.nan, low=math.nan, high=math.nan)


CASES = {
    "nobody reached the endpoint": (lambda build: build(arms=1, stopped=0), "No patient in any arm came to"),
    "no events": (lambda build: build(arms=1, events=False), "No event happened in any arm."),
    "one arm": (lambda build: build(arms=1), ", in one arm"),
    "nothing published": (
        lambda build: build(arms=1, published=False),
        "No published figure stands beside these estimates",
    ),
    "nothing estimable": (
        lambda build: (lambda made: replace(made, estimates=tuple(map(_nan, made.estimates))))(build(arms=1)),
        "No estimate could be made",
    ),
    "no troughs": (lambda build: build(arms=1, troughs={}, exposures=()), "No arm gives a drug at its start"),
    "one patient": (lambda build: build(n=1, stopped=1, arms=1, panel=1), "Fewer than two patients"),
    "no parameters": (lambda build: build(arms=1, parameters=()), "The run did not list its parameters"),
    "stopped early": (lambda build: replace(build(arms=1), planned=1000), "This run was stopped early:"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_thin_result_still_gives_a_page_with_a_plain_sentence(result, written, case):
    make, sentence = CASES[case]
    page = written(make(result))[2]
    assert sentence in page.text
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", page.text)


def test_a_panel_nobody_lived_to_see_still_gives_a_page(usual, written):
    made = usual
    gone = made.panel.values.copy()
    gone[:, 5:] = np.nan
    band = {name: getattr(made.panel, name).copy() for name in ("median", "low", "high")}
    for values in band.values():
        values[:, 5:] = np.nan
    page = written(replace(made, panel=replace(made.panel, values=gone, **band)))[2]
    assert "BCR-ABL1 (IS) over time" in page.text
    assert not re.search(r"\bnan\b", page.text)


def test_a_model_without_immune_cells_says_so(usual, written):
    made = usual
    keep = [0]
    parts = {name: getattr(made.panel, name)[:, :, keep] for name in ("values", "median", "low", "high")}
    panel = replace(made.panel, names=("bcr_abl1",), units=("percent_is",), **parts)
    page = written(replace(made, panel=panel))[2]
    assert "This model has no immune cells" in page.text and "hold no clones" in page.text


def test_the_same_result_gives_the_same_bytes(result, tmp_path, monkeypatch):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        write_report(result(), Path("stim1"))

    def digests(folder):
        return {path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip

    first, second = digests(tmp_path / "one" / "stim1"), digests(tmp_path / "two" / "stim1")
    assert first == second
    assert len(first) == 1 + 3 * 7


def test_figures_are_described_for_those_who_do_not_see_them(page):
    images = [attrs for tag, attrs in page[2].tags if tag == "svg"]
    assert len(images) == 7
    for attrs in images:
        assert attrs["role"] == "img" and len(attrs["aria-label"]) > 20
    captions = [tag for tag, _ in page[2].tags if tag == "caption"]
    assert len(captions) == len(page[2].tables)
