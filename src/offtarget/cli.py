"""The command line: words in, exit codes out. No science lives here, and nothing heavy is imported before it is needed.

Exit codes: 0 done, 2 usage, 3 the input is wrong, 4 finished but too many patients failed, 130 cancelled.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offtarget.errors import (
    Cancelled,
    InputError,
    Interrupted,
    OfftargetError,
    TooManyFailures,
    nearest,
    sentence,
)

if TYPE_CHECKING:
    from offtarget.trials.result import TrialResult

__all__ = ["app", "main"]

app = typer.Typer(
    help="Virtual clinical trials of targeted cancer drugs in patients who have an immune system. For research only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

#: Columns of a table that goes to a file or a pipe.
_PIPED = 150
_KINDS = ("drug", "mechanism", "model", "population", "target", "trial")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Threads = Annotated[int | None, typer.Option(help="Worker threads; one a processor unless said.", min=1)]
Kind = Annotated[str, typer.Argument(help=f"One of: {', '.join(_KINDS)}.")]


@app.command()
def trial(
    study: Annotated[str, typer.Argument(help="A trial of the catalogue, or a study file (TOML).")],
    patients: Annotated[int, typer.Option(help="How many patients to enrol in every arm.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same patients, same luck.", min=0)] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for results; runs/<study> unless said.")] = None,
    threads: Threads = None,
    max_failed: Annotated[
        float, typer.Option(help="Share of failed patients that makes exit code 4.")
    ] = 0.01,
    report: Annotated[bool, typer.Option(help="Write report.html and its figures.")] = True,
    as_json: Json = False,
) -> None:
    """Run a virtual clinical trial and write its results and report."""
    from offtarget.trials.store import ready_folder, save
    from offtarget.trials.study import load_trial

    loaded = load_trial(study)
    folder = out if out is not None else Path("runs") / loaded.id
    ready_folder(folder)
    with _progress(quiet=as_json) as progress:
        from offtarget.trials.run import run

        result = run(loaded, patients=patients, seed=seed, threads=threads, progress=progress)
    save(result, folder)
    page = _report(result, folder) if report else None
    _tell(result, folder, page, as_json=as_json)
    _verdict(result, max_failed)


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(help="Folder of an earlier run, for example runs/stim1.")],
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Run an earlier run again from its folder and compare the digests."""
    from offtarget.records import read_toml
    from offtarget.trials.run import run
    from offtarget.trials.store import read_manifest
    from offtarget.trials.study import trial_from_record

    kept = read_manifest(folder)
    study = read_toml(folder / "study.toml")
    loaded = trial_from_record(study.data, id=kept["trial"], where=str(folder / "study.toml"))
    with _progress(quiet=as_json) as progress:
        result = run(loaded, patients=kept["patients"], seed=kept["seed"], threads=threads, progress=progress)
    if result.patients < result.planned:
        raise Cancelled("Stopped before the replay was complete: the digests cannot be compared.")
    found = result.digest()
    same = found == kept["digest"]
    _print({"same": same, "digest": found, "kept": kept["digest"]}, as_json,
           f"{folder}: {'the same digest' if same else 'ANOTHER digest'}, {found[:16]}.")  # fmt: skip
    if not same:
        raise InputError(_difference(kept, result))


@app.command("list")
def list_entries(
    kind: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(_KINDS)}. All of them unless said.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what the catalogue holds."""
    from offtarget.catalog import ids

    kinds = _KINDS if kind is None else (_kind(kind),)
    found = {one: list(ids(f"{one}s")) for one in kinds}
    lines = [f"{one}: {', '.join(names)}" for one, names in found.items()]
    _print(found, as_json, "\n".join(lines))


@app.command()
def show(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="A name in the catalogue, or a file.")],
    as_json: Json = False,
) -> None:
    """Print an entry of the catalogue as a page: equations, units, numbers and where they came from."""
    from offtarget.reports.pages import page, plain

    noun = _load(kind, name)
    if as_json:
        _print(plain(noun), True, "")
    else:
        typer.echo(page(noun))


@app.command()
def cite(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="A name in the catalogue, or a file.")],
    as_json: Json = False,
) -> None:
    """Print the references behind an entry of the catalogue."""
    from offtarget.evidence import cite as references

    found = references(_load(kind, name))
    rows = [{"key": ref.key, "reference": ref.line()} for ref in found]
    _print(
        rows,
        as_json,
        "\n".join(f"[{row['key']}] {row['reference']}" for row in rows) or "No sources are named.",
    )


def _kind(word: str) -> str:
    if word.removesuffix("s") in _KINDS:
        return word.removesuffix("s")
    raise InputError(f'kind "{word}" is not known. {nearest(word, _KINDS, kind="kind")}')


def _load(kind: str, name: str) -> Any:
    from offtarget.reports.pages import load

    return load(_kind(kind), name)


def _report(result: TrialResult, folder: Path) -> Path | None:
    from offtarget.reports.report import write_report

    return write_report(result, folder)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Any]:
    """A progress line on standard error: patients done and time left."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("patients"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("patients", total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)


def _tell(result: TrialResult, folder: Path, page: Path | None, *, as_json: bool) -> None:
    from offtarget.trials.store import MANIFEST, manifest

    if as_json:
        _print(manifest(result) | {"folder": str(folder), "report": str(page) if page else None}, True, "")
        return
    _summary(result)
    typer.echo(f"Results: {folder / MANIFEST}")
    if page is not None:
        typer.echo(f"Report: {page}")


def _summary(result: TrialResult) -> None:
    """The short table: each endpoint, arm and time beside what was published, then the run's accounts."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from offtarget.reports.table import rows, summary_lines

    head, *body = rows(result)
    table = Table(*head, title=None, box=None, pad_edge=False)
    for row in body:
        table.add_row(*map(Text, row))
    console = Console(
        width=None if sys.stdout.isatty() else _PIPED, soft_wrap=not sys.stdout.isatty(), highlight=False
    )
    console.print(table)
    for line in summary_lines(result):
        console.print(line, markup=False)


def _verdict(result: TrialResult, max_failed: float) -> None:
    if result.patients < result.planned:
        raise Cancelled(
            f"Stopped after {result.patients} of {result.planned} patients; what was finished is on disk."
        )
    courses = sum(row.planned for row in result.accounting)
    if result.failed > max_failed * courses:
        raise TooManyFailures(
            f"{result.failed} of {courses} patient courses failed, more than the {max_failed:.1%} allowed. "
            "The report says why; --max-failed sets the share."
        )


def _difference(kept: dict[str, Any], result: TrialResult) -> str:
    """Why a replay may differ: what changed since the run was kept."""
    changed = [f"{name} {old} -> {result.versions.get(name)}" for name, old in kept.get("versions", {}).items()
               if result.versions.get(name) != old]  # fmt: skip
    changed += [name for name, old in kept.get("inputs", {}).items() if result.inputs.get(name) != old]
    said = "; ".join(changed) if changed else "no version or input is recorded as different"
    return sentence(
        "replay", expected="the digest of the kept run", got=result.digest()[:16], then=f"Changed: {said}."
    )


def _print(data: Any, as_json: bool, text: str) -> None:
    typer.echo(json.dumps(data, indent=1, ensure_ascii=False) if as_json else text)


def main() -> None:
    """Run the command line and leave with its exit code; usage errors (2) and --help are typer's own."""
    signal.signal(signal.SIGINT, _cancel)
    try:
        app()
    except (Cancelled, Interrupted) as stopped:
        _leave(str(stopped), 130)
    except TooManyFailures as problem:
        _leave(str(problem), 4)
    except OfftargetError as problem:
        _leave(f"offtarget: {problem}", 3)


def _cancel(*_: object) -> None:
    raise Interrupted("Cancelled.")


def _leave(text: str, code: int) -> None:
    typer.echo(text, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
