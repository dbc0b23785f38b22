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
    from offtarget.simulation.by_chance import ByChance
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
    stochastic: Annotated[
        bool,
        typer.Option("--stochastic", help="Count molecules and cells: reactions fire by chance, exactly."),
    ] = False,
    replicates: Annotated[
        int | None,
        typer.Option(help="With --stochastic: how many, 1000 unless said or a cohort is given.", min=1),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Settles what is left to chance: reactions, order of events.", min=0)
    ] = 1,
    threads: Annotated[
        int | None, typer.Option(help="Worker threads; one a processor unless said.", min=1)
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds for all patients, steady states apart.", min=0.0)
    ] = None,
    max_failed: Annotated[
        float, typer.Option(help="Share of failed patients that makes exit code 4.", callback=share)
    ] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Simulate your own model for a table of patients and a table of doses."""
    _refuse_overwriting(out, (cohort, regimen, Path(model)))
    if stochastic:
        _refuse_flow_words(regimen, time_limit)
    ready = _prepared(
        model, cohort, regimen, times, _words(outputs), _words(covariates), stochastic, replicates
    )
    statuses: Counter[str] = Counter()
    rows = _written(ready, out, statuses, tolerance, threads, seed, time_limit, as_json)
    who = "replicates" if stochastic else "patients"
    _tell(ready, out, rows, statuses, who, as_json=as_json)
    failed = ready.patients - statuses["finished"]
    if failed > max_failed * ready.patients:
        raise TooManyFailures(
            f"{failed} of {ready.patients} {who} failed, more than the {max_failed:.1%} allowed. STATUS in the "
            "result says who and why; --max-failed sets the share."
        )


def _written(
    ready: Prepared | ByChance, out: Path, statuses: Counter[str], tolerance: float, threads: int | None, seed: int,
    time_limit: float | None, quiet: bool,
) -> int:  # fmt: skip
    """The result in its place; how many rows it has."""
    from offtarget.simulation.simulate import Prepared
    from offtarget.simulation.table import Writer

    rows = 0
    with Writer(out, ready.columns) as writer, progress_line(quiet=quiet) as progress:
        if isinstance(ready, Prepared):
            parts = ready.parts(tolerance=tolerance, threads=threads, seed=seed, statuses=statuses,
                                progress=progress, time_limit=time_limit)  # fmt: skip
        else:
            parts = ready.parts(threads=threads, seed=seed, statuses=statuses, progress=progress)
        for part in parts:
            writer.write(part)
            rows += part.num_rows
    return rows


def _refuse_overwriting(out: Path, sources: tuple[Path | None, ...]) -> None:
    from offtarget.simulation.table import ready_file

    ready_file(out)
    if any(one is not None and out.resolve() == one.resolve() for one in sources):
        raise InputError(sentence("--out", expected="a file that is not read here", got=str(out)))


def _refuse_flow_words(regimen: Path | None, time_limit: float | None) -> None:
    if regimen is not None or time_limit is not None:
        then = "Write doses as events of the model; what a replicate may take is counted in reactions."
        raise InputError(
            sentence("--stochastic", expected="no --regimen, no --time-limit", got="one", then=then)
        )


def _prepared(
    model: str, cohort: Path | None, regimen: Path | None, times: str | None, outputs: tuple[str, ...],
    covariates: tuple[str, ...], stochastic: bool, replicates: int | None,
) -> Prepared | ByChance:  # fmt: skip
    """Everything read and compiled, as flows or as chance."""
    if not stochastic:
        if replicates is not None:
            then = "Add --stochastic, or leave --replicates out."
            raise InputError(
                sentence("--replicates", expected="--stochastic with it", got=str(replicates), then=then)
            )
        from offtarget.simulation.simulate import prepare

        return prepare(
            model, cohort=cohort, regimen=regimen, times=times, outputs=outputs, covariates=covariates
        )
    from offtarget.simulation.by_chance import prepare_by_chance

    return prepare_by_chance(
        model, times=times, replicates=replicates, cohort=cohort, outputs=outputs, covariates=covariates
    )


def _tell(
    ready: Prepared | ByChance, out: Path, rows: int, statuses: Counter[str], who: str, *, as_json: bool
) -> None:
    from offtarget.simulation.course import STATUS_SENTENCES
    from offtarget.simulation.table import units_beside

    units = ready.columns.unit_of
    beside = units_beside(out) if out.suffix.lower() == ".csv" else None
    if as_json:
        said = {"result": str(out), "units": units, "units_file": str(beside) if beside else None, "rows": rows,
                who: ready.patients, "statuses": dict(statuses), "notes": list(ready.notes)}  # fmt: skip
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False))
        return
    for note in ready.notes:
        typer.echo(f"Note: {note}")
    finished = statuses["finished"]
    typer.echo(f"{finished} of {ready.patients} {who} simulated to the end.")
    for word, count in sorted(statuses.items()):
        if word != "finished":
            typer.echo(f"{count} {word}: {STATUS_SENTENCES[word]}")
    typer.echo(f"Columns: {', '.join(f'{name} [{unit}]' if unit else name for name, unit in units.items())}")
    typer.echo(f"Result: {out}, {rows} rows" + (f"; units: {beside}" if beside else ""))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
