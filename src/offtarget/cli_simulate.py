"""The command ``offtarget simulate``: words in, a table out. No science lives here."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offtarget.errors import InputError, TooManyFailures, sentence
from offtarget.terminal import progress_line

if TYPE_CHECKING:
    from offtarget.simulation.simulate import Prepared

__all__ = ["share", "simulate"]


def share(value: float) -> float:
    """The value of an option that is a share, or a usage error."""
    if not 0 <= value <= 1:  # written so that NaN is refused, too
        raise typer.BadParameter("a share lies between 0 and 1")
    return value


def simulate(
    model: Annotated[str, typer.Argument(help="A model of the catalogue, or an SBML or Antimony file.")],
    out: Annotated[Path, typer.Option(help="Where the result goes: a .parquet or .csv file.")],
    cohort: Annotated[
        Path | None,
        typer.Option(help="Patients (CSV or Parquet): a row each, columns named like parameters."),
    ] = None,
    regimen: Annotated[
        Path | None,
        typer.Option(help="Events (CSV or Parquet) in NONMEM's columns: ID TIME AMT RATE EVID CMT ..."),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option(help='When to look: "0:180:1 day" or "0, 1, 2.5 h"; else at rows with EVID 0.'),
    ] = None,
    outputs: Annotated[
        str, typer.Option(help="Names to write, with commas; the model's choice unless said.")
    ] = "",
    covariates: Annotated[str, typer.Option(help="Columns of the cohort that the model does not use.")] = "",
    tolerance: Annotated[float, typer.Option(help="Relative error of a solver step.")] = 1e-6,
    seed: Annotated[int, typer.Option(help="Orders a model's own events of one instant.", min=0)] = 1,
    threads: Annotated[
        int | None, typer.Option(help="Worker threads; one a processor unless said.", min=1)
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds for all patients; who is late has failed.", min=0.0)
    ] = None,
    max_failed: Annotated[
        float, typer.Option(help="Share of failed patients that makes exit code 4.", callback=share)
    ] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Simulate your own model for a table of patients and a table of doses."""
    from offtarget.simulation.simulate import prepare
    from offtarget.simulation.table import Writer, ready_file

    ready_file(out)
    _spare(out, cohort, regimen, Path(model))
    ready = prepare(model, cohort=cohort, regimen=regimen, times=times, outputs=_words(outputs),
                    covariates=_words(covariates))  # fmt: skip
    statuses: Counter[str] = Counter()
    rows = 0
    with Writer(out, ready.columns) as writer, progress_line(quiet=as_json) as progress:
        for part in ready.parts(tolerance=tolerance, threads=threads, seed=seed, statuses=statuses,
                                progress=progress, time_limit=time_limit):  # fmt: skip
            writer.write(part)
            rows += part.num_rows
    _tell(ready, out, rows, statuses, as_json=as_json)
    failed = ready.patients - statuses["finished"]
    if failed > max_failed * ready.patients:
        raise TooManyFailures(
            f"{failed} of {ready.patients} patients failed, more than the {max_failed:.1%} allowed. STATUS in the "
            "result says who and why; --max-failed sets the share."
        )


def _spare(out: Path, *sources: Path | None) -> None:
    """Nothing that is read here is written over."""
    if any(source is not None and out.resolve() == source.resolve() for source in sources):
        raise InputError(sentence("--out", expected="a file that is not read here", got=str(out)))


def _tell(ready: Prepared, out: Path, rows: int, statuses: Counter[str], *, as_json: bool) -> None:
    from offtarget.simulation.course import STATUS_SENTENCES
    from offtarget.simulation.table import units_beside

    units = ready.columns.unit_of
    beside = units_beside(out) if out.suffix.lower() == ".csv" else None
    if as_json:
        said = {"result": str(out), "units": units, "units_file": str(beside) if beside else None, "rows": rows,
                "patients": ready.patients, "statuses": dict(statuses), "notes": list(ready.notes)}  # fmt: skip
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False))
        return
    for note in ready.notes:
        typer.echo(f"Note: {note}")
    finished = statuses["finished"]
    typer.echo(f"{finished} of {ready.patients} patients simulated to the end.")
    for word, count in sorted(statuses.items()):
        if word != "finished":
            typer.echo(f"{count} {word}: {STATUS_SENTENCES[word]}")
    typer.echo(f"Columns: {', '.join(f'{name} [{unit}]' if unit else name for name, unit in units.items())}")
    typer.echo(f"Result: {out}, {rows} rows" + (f"; units: {beside}" if beside else ""))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
