"""The command line: words in, exit codes out. No science lives here, and nothing heavy is imported before it is needed.

Exit codes: 0 done, 2 usage, 3 the input is wrong, 4 finished but too many patients failed, 130 cancelled.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offtarget.cli_simulate import share, simulate
from offtarget.errors import (
    Cancelled,
    InputError,
    Interrupted,
    OfftargetError,
    TooManyFailures,
    nearest,
    sentence,
)
from offtarget.interrupts import asked, listen, shielded
from offtarget.terminal import print_summary, progress_line

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

_KINDS = ("drug", "mechanism", "model", "population", "target", "trial")
#: What can be shown and cited: an entry of the catalogue, or the clones that a drug holds.
_SHOWN = (*_KINDS, "clones")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Threads = Annotated[int | None, typer.Option(help="Worker threads; one a processor unless said.", min=1)]
Kind = Annotated[str, typer.Argument(help=f"One of: {', '.join(_SHOWN)}.")]


@app.command()
def trial(
    study: Annotated[str, typer.Argument(help="A trial of the catalogue, or a study file (TOML).")],
    patients: Annotated[
        int, typer.Option(help="How many patients to enrol in every arm.", min=1, max=10_000_000)
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same patients, same luck.", min=0)] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for results; runs/<study> unless said.")] = None,
    threads: Threads = None,
    max_failed: Annotated[
        float, typer.Option(help="Share of failed patients that makes exit code 4.", callback=share)
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
    with ExitStack() as results:
        with progress_line(quiet=as_json) as progress:
            from offtarget.trials.run import run

            result = run(loaded, patients=patients, seed=seed, threads=threads, progress=progress)
            results.enter_context(shielded())
        save(result, folder)
    hasty = asked() > (result.patients < result.planned)  # the stop of the run itself has been answered
    page = _report(result, folder) if report and not hasty else None
    _tell(result, folder, page, as_json=as_json)
    _verdict(result, max_failed)
    if hasty:
        raise Cancelled("Stopped after the last patient: the results are complete, the report was not drawn.")


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(help="Folder of an earlier run, for example runs/stim1.")],
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Run an earlier run again from its folder and compare the digests."""
    from offtarget.trials.run import run
    from offtarget.trials.store import load_run

    kept, loaded = load_run(folder)
    with progress_line(quiet=as_json) as progress:
        result = run(loaded, patients=kept["patients"], seed=kept["seed"], threads=threads, progress=progress)
    if result.patients < result.planned:
        raise Cancelled("Stopped before the replay was complete: the digests cannot be compared.")
    _compare(folder, kept, result, as_json=as_json)


app.command()(simulate)


@app.command("list")
def list_entries(
    kind: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(_KINDS)}. All of them unless said.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what the catalogue holds."""
    from offtarget.catalog import ids

    kinds = _KINDS if kind is None else (_kind(kind, _KINDS),)
    found = {one: list(ids(f"{one}s")) for one in kinds}
    lines = [f"{one}: {', '.join(names)}" for one, names in found.items()]
    _print(found, as_json, "\n".join(lines))


@app.command()
def show(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="A name in the catalogue, or a file.")],
    as_json: Json = False,
) -> None:
    """Print an entry of the catalogue as a page: equations, units, numbers and where they came from.

    "show clones imatinib" prints which clones the drug holds at which dose.
    """
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


def _kind(word: str, known: Sequence[str]) -> str:
    if word.removesuffix("s") in {one.removesuffix("s") for one in known}:
        return word.removesuffix("s")
    raise InputError(f'kind "{word}" is not known. {nearest(word, known, kind="kind")}')


def _load(kind: str, name: str) -> Any:
    from offtarget.reports.pages import load

    return load(_kind(kind, _SHOWN), name)


def _report(result: TrialResult, folder: Path) -> Path:
    from offtarget.reports.report import write_report

    try:
        return write_report(result, folder)
    except Interrupted:
        raise Cancelled(f"Stopped while the report was drawn; the results are in {folder}.") from None


def _tell(result: TrialResult, folder: Path, page: Path | None, *, as_json: bool) -> None:
    from offtarget.trials.store import MANIFEST, manifest

    if as_json:
        _print(manifest(result) | {"folder": str(folder), "report": str(page) if page else None}, True, "")
        return
    print_summary(result)
    typer.echo(f"Results: {folder / MANIFEST}")
    if page is not None:
        typer.echo(f"Report: {page}")


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


def _compare(folder: Path, kept: dict[str, Any], result: TrialResult, *, as_json: bool) -> None:
    """Say whether a replay gave the kept run, in outcomes and in outputs, and what has changed since."""
    found, outputs, changed = result.digest(), result.digest_outputs(), _changed(folder, kept, result)
    outcomes_agree, outputs_agree = found == kept["digest"], outputs == kept["digest_outputs"]
    same = outcomes_agree and outputs_agree
    said = "the same outcomes, OTHER outputs" if outcomes_agree else "ANOTHER digest"
    said = "the same digest" if same else said
    _print({"same": same, "digest": found, "kept": kept["digest"], "digest_outputs": outputs,
            "kept_outputs": kept["digest_outputs"], "changed": changed},
           as_json, f"{folder}: {said}, {found[:16]}.")  # fmt: skip
    named = f"Changed: {'; '.join(changed)}." if changed else "No version or input is recorded as different."
    if not same:
        raise InputError(sentence("replay", expected="the digests of the kept run", got=said, then=named))
    if changed and not as_json:
        typer.echo(f"{named} It made no difference here.")


def _changed(folder: Path, kept: dict[str, Any], result: TrialResult) -> list[str]:
    """What is not as it was when the run was kept: versions, inputs, and the files in its folder."""
    from offtarget.trials.store import damaged

    changed = [f"{name} {old} -> {result.versions.get(name)}" for name, old in kept["versions"].items()
               if result.versions.get(name) != old]  # fmt: skip
    names = dict.fromkeys((*kept["inputs"], *result.inputs))
    changed += [name for name in names if result.inputs.get(name) != kept["inputs"].get(name)]
    return changed + [f"{name} (the file)" for name in damaged(folder, kept)]


def _print(data: Any, as_json: bool, text: str) -> None:
    typer.echo(json.dumps(data, indent=1, ensure_ascii=False) if as_json else text)


def main() -> None:
    """Run the command line and leave with its exit code; usage errors (2) and --help are typer's own."""
    listen()
    warnings.showwarning = _note
    _open_streams()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except (Cancelled, Interrupted) as stopped:
        _leave(str(stopped), 130)
    except TooManyFailures as problem:
        _leave(str(problem), 4)
    except OfftargetError as problem:
        _leave(f"offtarget: {problem}", 3)
    except OSError as problem:
        got, place = problem.strerror or type(problem).__name__, problem.filename
        if place is None:  # standard output is full: Python would try once more on leaving, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where, wanted = (
            (place, "a file that can be used") if place else ("standard output", "a place to print to")
        )
        _leave(f"offtarget: {InputError(sentence(str(where), expected=wanted, got=got))}", 3)


def _open_streams() -> None:
    """Standard output and error that take any text, whatever the terminal's encoding, even where they were closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for good
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _note(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as a line for the user, without the place in our code that gave it."""
    typer.echo(f"Note: {message}", err=True)


def _leave(text: str, code: int) -> None:
    typer.echo(text, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
