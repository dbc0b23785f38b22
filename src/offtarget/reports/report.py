"""The report: one self-contained page, and its figures beside it as SVG, PNG and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offtarget.errors import writing
from offtarget.reports import sections
from offtarget.reports.escape import difference_rows, headline_differences, spectrum_tables
from offtarget.reports.figures import Figure, Gap, figures
from offtarget.reports.render import inline, render, warm
from offtarget.reports.table import accounts, study, verdict
from offtarget.trials.result import TrialResult

__all__ = ["write_report"]

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(result: TrialResult, folder: Path) -> Path:
    """Write ``report.html`` and ``figures/`` into a folder and return the page's path.

    The page needs nothing but itself: figures and style are inside, there is no script and nothing is fetched. The same
    result gives the same bytes.

    Args:
        result: what a run found.
        folder: the run's folder; made if it is not there.

    Raises:
        InputError: the folder cannot be written.
    """
    ready = warm()
    drawn = figures(result)
    ready.join()
    shown = [one for group in drawn.values() for one in group if isinstance(one, Figure)]
    page = folder / "report.html"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        texts = render(shown, folder / "figures")
        page.write_text(_page(result, folder, drawn, texts), encoding="utf-8")
    return page


def _page(
    result: TrialResult, folder: Path, drawn: dict[str, tuple[Figure | Gap, ...]], texts: dict[str, str]
) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    house = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    style = Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return house.get_template("report.html.j2").render(
        style=style, result=result, trial=study(result), plots=_plots(drawn, texts), results=sections.results(result),
        verdict=verdict(result), accounts=accounts(result),
        headline=[*sections.headline(result), *headline_differences(result)],
        design=sections.design(result), comparisons=sections.comparisons(result),
        differences=difference_rows(result), spectra=spectrum_tables(result),
        exposures=sections.exposures(result), parameters=sections.parameters(result), grades=sections.grades(result),
        references=sections.references(result), replay=sections.replay(result, folder), facts=sections.facts(result),
    )  # fmt: skip


def _plots(
    drawn: dict[str, tuple[Figure | Gap, ...]], texts: dict[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """What the template needs of each figure, numbered through the page."""
    from markupsafe import Markup

    told: dict[str, list[dict[str, Any]]] = {}
    number = 0
    for group, ones in drawn.items():
        told[group] = []
        for one in ones:
            entry: dict[str, Any] = {"id": one.id, "title": one.title}
            if isinstance(one, Gap):
                entry |= {"sentence": one.sentence}
            else:
                number += 1
                svg = Markup(inline(texts[one.id], one.alt))  # drawn by us from escaped text
                entry |= {"sentence": "", "number": number, "caption": one.caption, "svg": svg}
            told[group].append(entry)
    return told
