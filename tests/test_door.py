"""The public door, word by word: what changes here changes on purpose, with a line in the changelog."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import is_dataclass

import pytest

import offtarget

#: What every function of the door takes and gives.
FUNCTIONS = {
    "build": "(model: Model, *, outputs: tuple[str, ...] = ()) -> Kernel",
    "cite": "(noun: object) -> tuple[Reference, ...]",
    "load_drug": "(name: str) -> Drug",
    "load_mechanism": "(name: str) -> Mechanism",
    "load_model": "(name: str) -> Model",
    "load_patients": "(name: str) -> Cohort",
    "load_population": "(name: str) -> Population",
    "load_trial": "(name: str) -> Trial",
    "mechanisms_for": "(model: Model, drugs: Sequence[Drug]) -> tuple[Mechanism, ...]",
    "run": "(trial: Trial, *, patients: int = 1000, seed: int = 1, threads: int | None = None, "
           "progress: Progress | None = None) -> TrialResult",
    "save": "(result: TrialResult, folder: Path) -> Path",
    "simulate": "(kernel: Kernel, cohort: Cohort, schedule: Schedule, *, times: ArrayLike, tolerance: float = 1e-06, "
                "threads: int | None = None, method: Method = 'auto', budget: int = 1000000, "
                "deadline: float | None = None, seed: int = 0) -> Trajectories",
    "simulate_table": "(model: Model | str | Path, *, cohort: object = None, regimen: object = None, "
                      "times: str | None = None, outputs: Sequence[str] = (), covariates: Sequence[str] = (), "
                      "tolerance: float = 1e-06, threads: int | None = None, seed: int = 1, "
                      "progress: Progress | None = None, time_limit: float | None = None) -> Simulation",
    "treat": "(model: Model, drugs: Sequence[Drug], mechanisms: Sequence[Mechanism], *, exposure: str = 'averaged') "
             "-> Model",
    "write_report": "(result: TrialResult, folder: Path) -> Path",
    "write_sbml": "(model: Model) -> str",
}  # fmt: skip

#: What every noun of the door is made of, in order.
NOUNS = {
    "Cohort": "patients columns units",
    "Model": "id title time_unit parameters species rules reactions rates events clones outputs source delayed",
    "Schedule": "offsets time action target value names",
    "Simulation": "table units statuses notes",
    "Trajectories": "patients times names units values status steps",
    "Trial": "id title question model population drugs mechanisms exposure horizon visits assay arms endpoints "
             "published notes evidence record chance spectra",
    "TrialResult": "trial model planned patients seed outcomes estimates comparisons accounting panel final parameters "
                   "troughs exposures versions inputs files seconds counted differences spectra courses",
}  # fmt: skip

STATUSES = {"FINISHED": 0, "TOO_MANY_STEPS": 1, "NOT_FINITE": 2, "STEP_TOO_SMALL": 3, "NEGATIVE": 4,
            "ENDLESS_EVENTS": 5, "TOO_MANY_WAITING": 6, "NO_DELAY": 7, "TIMED_OUT": 8, "NOT_COUNTABLE": 9}  # fmt: skip

#: The command line: each command's words, without --help.
COMMANDS = {
    "cite": "kind name --json",
    "list": "kind --json",
    "replay": "folder --threads --json",
    "show": "kind name --json",
    "simulate": "model --out --cohort --regimen --times --outputs --covariates --tolerance --stochastic "
    "--replicates --seed --threads "
    "--time-limit --max-failed --json",
    "trial": "study --patients --seed --out --threads --max-failed --report/--no-report --json",
}


def _signature(function: object) -> str:
    """A signature as text, the same from every version of Python: annotations as they were written."""
    words: list[str] = []
    starred = False
    signature = inspect.signature(function)
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not starred:
            words.append("*")
            starred = True
        default = "" if one.default is one.empty else f" = {one.default!r}"
        words.append(f"{one.name}: {one.annotation}{default}")
    return f"({', '.join(words)}) -> {signature.return_annotation}"


def test_the_door_has_these_names_and_no_others() -> None:
    named = {*FUNCTIONS, *NOUNS, "Status", "InputError", "OfftargetError"}
    assert set(offtarget.__all__) == named
    assert list(offtarget.__all__) == sorted(offtarget.__all__)
    assert dir(offtarget) == sorted(named)


@pytest.mark.parametrize("name", offtarget.__all__)
def test_every_name_of_the_door_opens(name: str) -> None:
    found = getattr(offtarget, name)
    assert found.__name__ == name
    assert found.__doc__, f"{name} says nothing about itself"
    assert found.__module__.startswith("offtarget.")


def test_the_names_for_the_type_checker_are_the_names_of_the_door() -> None:
    source = inspect.getsource(offtarget)
    for name in offtarget.__all__:
        assert f"import {name} as {name}\n" in source, f"{name} is not imported under TYPE_CHECKING"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_and_gives_what_it_did(name: str) -> None:
    assert _signature(getattr(offtarget, name)) == FUNCTIONS[name]


@pytest.mark.parametrize("name", NOUNS)
def test_a_noun_is_frozen_and_is_made_of_what_it_was(name: str) -> None:
    noun = getattr(offtarget, name)
    assert is_dataclass(noun)
    assert noun.__dataclass_params__.frozen
    assert list(inspect.signature(noun).parameters) == NOUNS[name].split()


def test_a_status_keeps_its_number() -> None:
    assert {one.name: int(one) for one in offtarget.Status} == STATUSES


def test_every_complaint_about_input_is_one_of_ours() -> None:
    assert issubclass(offtarget.InputError, offtarget.OfftargetError)
    assert issubclass(offtarget.OfftargetError, Exception)


def test_a_name_that_is_not_there_is_said_so() -> None:
    with pytest.raises(AttributeError, match="'offtarget' has no attribute 'simulte'"):
        offtarget.simulte  # noqa: B018


def test_star_import_gives_the_door() -> None:
    code = "from offtarget import *\nimport offtarget\nassert set(offtarget.__all__) <= set(globals())"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_line_has_these_words_and_no_others() -> None:
    from typer.main import get_command

    from offtarget.cli import app

    commands = get_command(app).commands
    found = {}
    for name, command in commands.items():
        words = []
        for one in command.params:
            if one.param_type_name == "argument":
                words.append(one.name)
            else:
                words.append("/".join([*one.opts, *one.secondary_opts]))
        found[name] = " ".join(words)
    assert found == COMMANDS
