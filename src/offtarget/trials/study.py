"""A study is a text file: TOML to a Trial. Every complaint names the file, the key, what was expected and what came."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from offtarget.catalog import find, ids, is_path
from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import Evidence, Grade, reference
from offtarget.pharmacology.regimen import Regimen, parse_regimen
from offtarget.records import Table, read_toml
from offtarget.trials.assay import read_assay
from offtarget.trials.conditions import parse_condition
from offtarget.trials.escape import PublishedSpectrum
from offtarget.trials.feasible import check_rules
from offtarget.trials.files import anchored
from offtarget.trials.result import Published
from offtarget.trials.trial import CHANCE, FLOW, MEASURES, START, Arm, Endpoint, Rule, Trial
from offtarget.trials.visits import duration, parse_visits
from offtarget.units import DAYS_PER_MONTH

__all__ = ["is_catalogued", "load_trial", "trial_from_record"]

_MOST_ARMS = _MOST_ENDPOINTS = 50
_LONGEST = 100 * 365.25  # day


def load_trial(name: str) -> Trial:
    """The trial with this catalogue name, or in this study file.

    Args:
        name: a catalogue name such as ``stim1``, or a path to a TOML file.

    Raises:
        InputError: the study cannot be found, read or understood; the text says where and what to do.

    Example:
        >>> load_trial("stim1").arms[0].regimen_text
        '400 mg imatinib every 24 h'
    """
    path = find("trials", name)
    return trial_from_record(_resolved(path, ()), id=path.stem, where=path.name)


def is_catalogued(trial: Trial) -> bool:
    """Whether the catalogue's trial of this name is this very study: a user's file may have the same name."""
    return trial.id in ids("trials") and load_trial(trial.id).record == trial.record


def trial_from_record(record: Mapping[str, Any], *, id: str, where: str) -> Trial:
    """The trial in an already parsed study, for example one kept in a manifest.

    Args:
        record: the study's tables, its own files named by their whole paths (see ``files.anchored``).
        id: the trial's short name.
        where: the file, for error sentences.
    """
    table = Table(dict(record), where)
    trial = _read(table, id)
    table.done()
    check_rules(trial, where=where)
    return trial


def _resolved(path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    """The study's tables, laid over those of the study it is ``based_on``."""
    here = path.resolve()
    if here in below:
        chain = " -> ".join(step.name for step in (*below, here))
        raise InputError(
            f"{path.name}: based_on: the studies go in a circle: {chain}. Let one of them stand on its own."
        )
    table = read_toml(path)
    record = anchored(table.data, path.parent)
    if not table.has("based_on"):
        return record
    name = table.text("based_on")
    beside = str(path.parent / name)  # the study's own neighbour before one of the folder the user is in
    try:
        base = find("trials", beside if is_path("trials", name) and os.path.isfile(beside) else name)  # noqa: PTH113
    except InputError as problem:
        raise InputError(f"{table.at('based_on')}: {problem}") from None
    own = {key: value for key, value in record.items() if key != "based_on"}
    return {**_resolved(base, (*below, here)), **own}


def _read(table: Table, id: str) -> Trial:
    title = table.text("title")
    horizon = table.measure("horizon", of="day", example="15 years", low=1.0)
    if horizon > _LONGEST:
        raise InputError(
            sentence(table.at("horizon"), expected="at most 100 years", got=table.data["horizon"])
        )
    arms = _arms(table, horizon)
    model, population = table.text("model"), table.text("population")
    for kind, name in (("models", model), ("populations", population)):
        _exists(kind, name, table.at(kind.removesuffix("s")))
    endpoints = tuple(_endpoint(one, horizon, arms) for one in table.tables("endpoint", least=1))
    if len(endpoints) > _MOST_ENDPOINTS:
        expected = f"at most {_MOST_ENDPOINTS} endpoints"
        raise InputError(sentence(table.at("endpoint"), expected=expected, got=str(len(endpoints))))
    _no_repeats(table.at("endpoint"), [one.name for one in endpoints])
    mechanisms = table.texts("mechanisms") if table.has("mechanisms") else None
    for name in mechanisms or ():
        _exists("mechanisms", name, table.at("mechanisms"))
    return Trial(
        id=id, title=title, question=table.text("question", default=title), model=model, population=population,
        drugs=_drugs(arms), mechanisms=mechanisms,
        exposure=table.choice("exposure", ("averaged", "dosed"), kind="exposure", default="averaged"),
        horizon=horizon, visits=parse_visits(table.text("visits"), where=table.at("visits"), horizon=horizon),
        assay=read_assay(table.table("assay", optional=True)), arms=arms, endpoints=endpoints,
        published=tuple(_published(one, endpoints, arms) for one in table.tables("published")),
        notes=table.texts("notes", default=()), evidence=_source(table), record=dict(table.data),
        chance=table.choice("chance", CHANCE, kind="chance", default=FLOW),
        spectra=tuple(_spectrum(one) for one in table.tables("spectrum")),
    )  # fmt: skip


def _arms(table: Table, horizon: float) -> tuple[Arm, ...]:
    tables = table.tables("arm", least=1)
    if len(tables) > _MOST_ARMS:
        raise InputError(
            sentence(table.at("arm"), expected=f"at most {_MOST_ARMS} arms", got=str(len(tables)))
        )
    arms = tuple(_arm(one, horizon) for one in tables)
    _no_repeats(table.at("arm"), [arm.name for arm in arms])
    return arms


def _exists(kind: str, name: str, where: str) -> None:
    try:
        find(kind, name)
    except InputError as problem:
        raise InputError(f"{where}: {problem}") from None


def _no_repeats(where: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                sentence(where, expected="a different name for each", got=name, then="Rename one of them.")
            )


def _drugs(arms: Iterable[Arm]) -> tuple[str, ...]:
    named: set[str] = set()
    for arm in arms:
        named |= set(arm.regimens).union(*(rule.regimens for rule in arm.rules))
    return tuple(sorted(named))


def _arm(table: Table, horizon: float) -> Arm:
    text = table.text("regimen")
    regimens = _by_drug(parse_regimen(text, where=table.at("regimen")))
    rules = tuple(_rule(one, horizon, tuple(regimens)) for one in table.tables("rule"))
    switches = table.table("switches", optional=True)
    arm = Arm(table.name("name"), text, regimens, rules,
              {name: float(switches.whole(name, low=0, high=1)) for name in switches.data})  # fmt: skip
    table.done()
    return arm


def _by_drug(regimen: Regimen) -> dict[str, Regimen]:
    return {drug: regimen.of(drug) for drug in regimen.drugs}


def _rule(table: Table, horizon: float, given: tuple[str, ...]) -> Rule:
    when, then = table.text("when"), table.text("then")
    visits = None
    if table.has("visits"):
        visits = parse_visits(table.text("visits"), where=table.at("visits"), horizon=horizon)
    rule = Rule(
        when=when, then=then, condition=parse_condition(when, where=table.at("when")),
        regimens=_then(then, table.at("then"), given), visits=visits,
        times=table.whole("times", low=1, high=1000, default=1),
    )  # fmt: skip
    table.done()
    return rule


def _then(text: str, where: str, given: tuple[str, ...]) -> dict[str, Regimen | None]:
    """What a rule does to each drug: ``stop``, ``stop imatinib``, or a regimen from that day on."""
    words = text.split()
    if words[0].lower() != "stop":
        return dict(_by_drug(parse_regimen(text, where=where)))
    if len(words) == 1:
        return dict.fromkeys(given)
    if len(words) > 2:
        raise InputError(sentence(where, expected='"stop", "stop imatinib" or a regimen', got=text))
    if words[1] not in given:
        raise InputError(
            f'{where}: "{words[1]}" is not given in this arm. {nearest(words[1], given, kind="drug")}'
        )
    return {words[1]: None}


def _endpoint(table: Table, horizon: float, arms: tuple[Arm, ...]) -> Endpoint:
    event, origin = table.text("event"), table.text("from", default=START)
    origins = {START}.union(*({rule.then for rule in arm.rules} for arm in arms))
    if origin not in origins:
        known = nearest(origin, origins, kind="origin")
        raise InputError(
            f'{table.at("from")}: no rule does "{origin}", so the clock would never start. {known}'
        )
    months = tuple(
        duration(text, where=table.at("report_at")) / DAYS_PER_MONTH for text in table.texts("report_at")
    )
    months = tuple(round(month, 12) for month in months)
    if len(set(months)) < len(months):
        then, got = "Name each time once.", table.data["report_at"]
        raise InputError(sentence(table.at("report_at"), expected="different times", got=got, then=then))
    late = [month for month in months if month * DAYS_PER_MONTH > horizon + 1e-6]
    if not months or late:
        expected = "at least one time, all within the horizon"
        raise InputError(sentence(table.at("report_at"), expected=expected, got=table.data["report_at"]))
    name = table.name("name")
    measure = table.choice("measure", MEASURES, kind="measure", default="free of event")
    endpoint = Endpoint(
        name, measure, origin, event, parse_condition(event, where=table.at("event")),
        months, table.text("definition", default=f"{event}, from {origin}"),
    )  # fmt: skip
    table.done()
    return endpoint


def _published(table: Table, endpoints: tuple[Endpoint, ...], arms: tuple[Arm, ...]) -> Published:
    endpoint = table.choice("endpoint", [one.name for one in endpoints], kind="endpoint")
    arm = table.choice("arm", [one.name for one in arms], kind="arm", default=arms[0].name)
    month = round(duration(table.text("at"), where=table.at("at")) / DAYS_PER_MONTH, 12)
    reported = next(one.report_at for one in endpoints if one.name == endpoint)
    if month not in reported:
        then = f'Add it to report_at of "{endpoint}".'
        raise InputError(
            sentence(table.at("at"), expected="a time the endpoint reports", got=table.data["at"], then=then)
        )
    key = table.text("evidence")
    _reference(key, table.at("evidence"))
    found = Published(
        endpoint, arm, month, table.number("value", low=0, high=100),
        table.number("low", low=0, high=100) if table.has("low") else math.nan,
        table.number("high", low=0, high=100) if table.has("high") else math.nan,
        table.whole("n", low=1, high=10**9) if table.has("n") else 0,
        Evidence(key, Grade.MEASURED, table.text("note", default="")),
    )  # fmt: skip
    table.done()
    return found


def _spectrum(table: Table) -> PublishedSpectrum:
    key, counts = table.text("evidence"), table.table("counts")
    _reference(key, table.at("evidence"))
    found = {name: counts.whole(name, low=0, high=10**9) for name in counts.data}
    if not any(found.values()):
        expected = "how often each mutation was found, as in { T315I = 38 }"
        raise InputError(sentence(table.at("counts"), expected=expected, got=counts.data))
    note = table.text("note", default="")
    table.done()
    return PublishedSpectrum(found, Evidence(key, Grade.MEASURED, note))


def _reference(key: str, where: str) -> None:
    try:
        reference(key)
    except InputError as problem:
        raise InputError(f"{where}: {problem}") from None


def _source(table: Table) -> Evidence | None:
    if not table.has("evidence"):
        return None
    key = table.text("evidence")
    _reference(key, table.at("evidence"))
    return Evidence(key, Grade.MEASURED)
