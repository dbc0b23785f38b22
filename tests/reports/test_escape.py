"""Promises of the report about escape: differences and spectra as they are, and clones drawn as they were."""

import math
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from offtarget.evidence import Evidence, Grade
from offtarget.reports.escape import (
    chance,
    difference_rows,
    escape_lines,
    headline_differences,
    spectrum_tables,
)
from offtarget.reports.figures import Figure, Gap, figures
from offtarget.reports.figures.muller import muller
from offtarget.reports.report import write_report
from offtarget.trials.conditions import CellFree
from offtarget.trials.escape import CloneCourses, PublishedSpectrum, Spectrum
from offtarget.trials.result import Difference
from offtarget.trials.trial import Arm
from offtarget.units import DAYS_PER_MONTH

CLONES = ("wt", "T315I", "Y253H")
COUNTS = {"T315I": 30, "Y253H": 10, "G250E": 20}
PUBLISHED = PublishedSpectrum(COUNTS, Evidence("leighow2020", Grade.MEASURED, "as tabulated"))


def make_courses(escaped=((True, False), (True, False))):
    times = np.arange(0.0, 61 * DAYS_PER_MONTH, DAYS_PER_MONTH)
    cells = np.zeros((2, 2, times.size, 3))
    cells[..., 0] = 1e6 * np.exp(-0.01 * times)
    cells[0, 0, :, 1] = np.minimum(1e6, np.exp(0.01 * times))
    cells[1, 0, :, 1] = np.minimum(1e6, 10 * np.exp(0.01 * times))
    cells[:, :, :, 2] = 0.4  # never a whole cell
    arms = ("on", "off")
    return CloneCourses(
        "escape", arms, CLONES, np.array([4, 0], np.uint64), np.array(escaped), times, cells, "a rule"
    )


@pytest.fixture
def made(result, trial):
    """A result with everything the report tells about escape."""
    return replace(
        result(), trial=replace(trial(), spectra=(PUBLISHED,)), counted=True, courses=make_courses(),
        differences=(Difference("escape", "off", "on", 12.0, 400, 2.5, 1.0, 4.25),
                     Difference("escape", "off", "on", 24.0, 400, math.nan, math.nan, math.nan)),
        spectra=(Spectrum("on", "escape", CLONES[1:], (3, 1), (14.0, 30.0)),
                 Spectrum("off", "escape", CLONES[1:], (6, 0), (12.0, math.nan))),
    )  # fmt: skip


def test_differences_are_told_with_their_sign_and_interval(made):
    first, second = difference_rows(made)
    assert first == {"endpoint": "escape", "arm": "off", "reference": "on", "month": "12", "pairs": "400",
                     "value": "+2.5 (+1.0 to +4.2)"}  # fmt: skip
    assert second["value"] == "not estimable"


def test_the_first_endpoint_s_last_difference_is_the_headline(made):
    name = made.trial.endpoints[0].name
    told = (
        Difference(name, "off", "on", 6.0, 400, 1.5, 1.0, 2.0),
        Difference(name, "off", "on", 60.0, 399, 2.5, 1.0, 4.0),
        Difference("another", "off", "on", 60.0, 399, 9.5, 1.0, 4.0),
    )
    assert headline_differences(replace(made, differences=told)) == [
        f"off less on: {name} at 60 months differs by +2.5 (+1.0 to +4.0) percentage points, in the same 399 patients."
    ]


def test_a_spectrum_stands_beside_the_published_one_on_the_clones_they_share(made):
    (table,) = spectrum_tables(made)
    assert table["arms"] == ["on", "off"]
    assert table["all"] == ["4", "6"]
    t315i, y253h = table["rows"]
    assert t315i["cells"] == [{"count": "3", "share": "75 %", "months": "14"},
                              {"count": "6", "share": "100 %", "months": "12"}]  # fmt: skip
    assert y253h["cells"][1] == {"count": "0", "share": "0 %", "months": ""}
    assert [row["published"][0]["share"] for row in table["rows"]] == ["75 %", "25 %"]
    assert table["published"][0]["note"].startswith("40 of 60 mutations counted there")


def test_a_spectrum_of_nobody_has_no_shares(made):
    nobody = replace(made, spectra=(Spectrum("on", "escape", CLONES[1:], (0, 0), (math.nan, math.nan)),))
    (table,) = spectrum_tables(nobody)
    assert table["all"] == ["0"]
    assert table["rows"][0]["cells"] == [{"count": "0", "share": "", "months": ""}]
    assert any("leading clone, on: nobody." in line for line in escape_lines(nobody))


def test_the_terminal_says_what_the_page_says(made):
    told = escape_lines(made)
    assert told[0] == ("off less on, the same patients, escape, points: month 12 +2.5 (+1.0 to +4.2); "
                       "month 24 not estimable.")  # fmt: skip
    assert told[1:3] == (
        "escape, leading clone, on: T315I 3 and Y253H 1.",
        "escape, leading clone, off: T315I 6.",
    )
    assert told[3].endswith("T315I 30 and Y253H 10.")


def test_a_result_without_arms_to_compare_or_clones_tells_nothing(result):
    assert escape_lines(result(arms=1)) == ()
    assert spectrum_tables(result(arms=1)) == []
    assert muller(result(arms=1)) == ()


def test_the_bands_of_a_stack_are_the_cells(made):
    (figure,) = muller(made)
    assert isinstance(figure, Figure)
    found, rows = make_courses(), figure.tables["stack"]
    assert {row["clone"] for row in rows} == {"wild type", "T315I"}  # less than a cell is not drawn
    for arm, name in enumerate(found.arms):
        for place, patient in enumerate(found.patients):
            mine = [row for row in rows if (row["arm"], row["patient"]) == (name, int(patient))]
            for clone, called in ((0, "wild type"), (1, "T315I")):
                cells = found.cells[arm, place, :, clone]
                band = [row for row in mine if row["clone"] == called]
                if cells.max() < 1:
                    assert not band
                    continue
                assert len(band) == found.times.size
                total = found.cells[arm, place].sum(axis=1)
                thick = np.array([row["to"] - row["from"] for row in band])
                np.testing.assert_allclose(thick, np.log10(1 + total) * cells / total, atol=2e-5)
                np.testing.assert_allclose([row["cells"] for row in band], cells, rtol=1e-5)
    assert "a rule" in figure.caption
    assert "Patient 4, on (met)" in str(figure.spec) and "Patient 0, off (not met)" in str(figure.spec)
    assert figure.alt.endswith("patient 4: on and off; patient 0: no arm.")
    assert "clones-of-patients" in {one.id for group in figures(made).values() for one in group}


def test_where_nobody_escapes_a_sentence_stands_for_the_figure(made):
    nobody = replace(made, courses=make_courses(((False, False), (False, False))))
    (gap,) = muller(nobody)
    assert isinstance(gap, Gap)
    assert '"escape" was met in nobody' in gap.sentence


@dataclass(frozen=True, slots=True)
class Unseen(CellFree):
    """The truth, for a trial whose page has to say so."""


def test_the_page_tells_differences_spectra_switches_and_who_knows_what(made, tmp_path):
    trial = made.trial
    first, second = trial.arms
    arms = (first, Arm(second.name, second.regimen_text, second.regimens, second.rules, {"on_immunity": 0.0}))
    endpoints = (*trial.endpoints[:1], replace(trial.endpoints[1], condition=Unseen()), *trial.endpoints[2:])
    page = write_report(replace(made, trial=replace(trial, arms=arms, endpoints=endpoints)), tmp_path)
    text = re.sub(r"\s+", " ", page.read_text(encoding="utf-8"))
    for said in ("+2.5 (+1.0 to +4.2)", 'id="table-spectrum-1"', "switched: on_immunity off", "40 of 60 mutations",
                 "but for &#34;major molecular response&#34;, which no clinic could see", "Few cells are counted",
                 "Clones of single patients over time"):  # fmt: skip
        assert said in text, said
    assert "never the simulated truth" not in text
    assert "thousandth of a cell" not in text


def test_what_chance_does_is_said_of_either_kind(result):
    flowing = result()
    assert "thousandth of a cell" in chance(flowing)
    assert "by chance" in chance(replace(flowing, counted=True))
