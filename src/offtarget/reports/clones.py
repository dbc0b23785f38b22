"""The page of a drug's clones: who is held at which dose, and where each number came from."""

from __future__ import annotations

from collections.abc import Iterator

from offtarget.evidence import Evidence
from offtarget.pharmacology.held import CloneTable, HeldClone

__all__ = ["clones_page"]

_KINETICS = {
    "CL": "apparent clearance", "V": "apparent volume", "ka": "absorption rate", "fu": "free fraction in plasma",
}  # fmt: skip


def clones_page(table: CloneTable) -> Iterator[str]:
    """The lines of the page, as Markdown."""
    yield f"# {table.title}"
    yield ""
    yield f"In {table.patient}. Under each daily dose: the effect, a share of the largest kill, and whether that holds"
    yield f"the clone. Largest kill {table.kill_max.value:.4g}, growth of wild type {table.growth.value:.4g} a day."
    yield ""
    doses = tuple(table.free_average)
    head = ("clone", "IC50, nM added", "free, nM", "Hill", "growth, of wild type", "effect needed", *doses)
    yield _line(head)
    yield _line(["---"] * len(head))
    yield _line(["mean free drug, nM", *[""] * 5, *(f"{table.free_average[dose]:.0f}" for dose in doses)])
    for row in table.rows:
        yield _line(_cells(row, doses, table.kill_max.value))
    yield ""
    for row in table.rows:
        if row.sensitivity.insensitive:
            yield f"- {row.clone} is insensitive, effect 0: {row.sensitivity.note}."
    if table.elsewhere:
        yield f"- With a measured sensitivity, but not in the model: {', '.join(table.elsewhere)}."
    yield from ("", "## What is assumed", "", *(f"- {one}" for one in table.assumed))
    yield from ("", "## Where the numbers come from", "", *_sources(table))


def _cells(row: HeldClone, doses: tuple[str, ...], largest: float) -> list[str]:
    one = row.sensitivity
    said = [f"{row.effects[dose]:.2f} {'held' if row.held[dose] else 'grows'}" for dose in doses]
    return [
        row.clone, f"{one.nominal.value:.4g}", f"{one.free.value:.4g}", f"{one.hill.value:.4g}",
        f"{row.fitness.value:.3g}", f"{row.growth / largest:.2f}", *said,
    ]  # fmt: skip


def _sources(table: CloneTable) -> Iterator[str]:
    """One line for each kind of number; clones whose number has another source get a line of their own."""
    columns = {
        "IC50, nM added to the medium": [(row.clone, row.sensitivity.nominal.evidence) for row in table.rows],
        "IC50, free": [(row.clone, row.sensitivity.free.evidence) for row in table.rows],
        "Hill coefficient": [(row.clone, row.sensitivity.hill.evidence) for row in table.rows],
        "growth of the clone relative to wild type": [
            (row.clone, row.fitness.evidence) for row in table.rows
        ],
        "growth of the wild type": [("", table.growth.evidence)],
        "largest kill": [("", table.kill_max.evidence)],
        **{_KINETICS[name]: [("", one.evidence)] for name, one in table.kinetics.items()},
    }
    for name, rows in columns.items():
        by_source: dict[Evidence, list[str]] = {}
        for clone, evidence in rows:
            by_source.setdefault(evidence, []).append(clone)
        for evidence, clones in by_source.items():
            whose = f" of {', '.join(clones)}" if len(by_source) > 1 else ""
            parts = (evidence.grade.value, evidence.source, evidence.note)
            yield f"- {name}{whose}: {', '.join(part for part in parts if part)}"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
