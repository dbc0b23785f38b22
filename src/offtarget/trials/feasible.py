"""Rules and endpoints that could never come true are mistakes in a study: found before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from offtarget.errors import InputError
from offtarget.models.sbml import clone_names
from offtarget.trials.clonal import CloneAbove, refuse_unseen_clones
from offtarget.trials.conditions import Condition, Held, Lost, Met
from offtarget.trials.endpoint import LATE, STALE
from offtarget.trials.trial import START, Arm, Endpoint, Rule, Trial
from offtarget.units import DAYS_PER_MONTH

__all__ = ["check_rules"]

Days = NDArray[np.float64]


def check_rules(trial: Trial, *, where: str) -> None:
    """Refuse a study with a condition that no patient could ever meet.

    Args:
        trial: the study.
        where: the file, for the error sentence.

    Raises:
        InputError: a condition that needs longer than the trial lasts, a drug no arm gives, a response deeper than the
            assay can show, or a clone that sequencing cannot.
    """
    for number, arm in enumerate(trial.arms, 1):
        given = set(arm.regimens).union(*(rule.regimens for rule in arm.rules))
        for order, rule in enumerate(arm.rules, 1):
            place = f"{where}: arm {number}: rule {order}: when"
            if rule.condition.unseen():
                raise InputError(
                    f'{place}: no clinic can see whether "{rule.when}" is true. Use it as the event of an endpoint.'
                )
            _refuse(rule.condition, rule.when, place, trial, given, f"the rule can never fire in {arm.name}")
            _refuse_idle(arm, order - 1, f"{where}: arm {number}: rule {order}: then")
    for number, endpoint in enumerate(trial.endpoints, 1):
        place = f"{where}: endpoint {number}: event"
        _refuse(
            endpoint.condition, endpoint.event, place, trial, set(trial.drugs), "the event can never happen"
        )
        if endpoint.at_visit:
            _refuse_unseen(endpoint, trial, f"{where}: endpoint {number}: report_at")


def _refuse(condition: Condition, text: str, place: str, trial: Trial, given: set[str], verdict: str) -> None:
    strange = sorted(condition.drugs() - given)
    if strange:
        raise InputError(f'{place}: {verdict}: "{text}" waits for {strange[0]}, which is never given.')
    if condition.earliest() > trial.horizon:
        needs, has = condition.earliest() / DAYS_PER_MONTH, trial.horizon / DAYS_PER_MONTH
        raise InputError(
            f'{place}: {verdict}: "{text}" needs {needs:.0f} months, the trial lasts {has:.0f}. Lengthen the horizon.'
        )
    low, high = condition.window()
    if not low < high:
        raise InputError(f'{place}: {verdict}: "{text}" wants one sample above and below the same level.')
    if any(isinstance(leaf, CloneAbove) for leaf in condition.leaves()):
        refuse_unseen_clones(condition, trial.assay.sequencing, clone_names(trial.model), where=place)
    for level in _levels(condition):
        if not trial.assay.can_show(level):
            raise InputError(
                f"{place}: {verdict}: the assay of this study is not sensitive enough to show {level}. "
                "Give it more control transcripts, or ask for a shallower response."
            )


def _refuse_unseen(endpoint: Endpoint, trial: Trial, place: str) -> None:
    """Refuse a time at which nobody could be seen: every patient would count as one without the event."""
    for arm in trial.arms:
        origins = [rule for rule in arm.rules if rule.then == endpoint.origin]
        for month in endpoint.report_at:
            if endpoint.origin == START or origins:
                days, starts = _days(trial, arm, origins[0] if origins else None)
                due = starts[:, None] + month * DAYS_PER_MONTH
                if days.size and not ((days >= due - STALE) & (days <= due + LATE)).any():
                    raise InputError(
                        f"{place}: no visit of {arm.name} falls into the {STALE / DAYS_PER_MONTH:g} months before "
                        f"month {month:g}, so nobody could be seen then. Report at a planned visit, or plan one."
                    )


def _days(trial: Trial, arm: Arm, origin: Rule | None) -> tuple[Days, Days]:
    """Days on which patients may be seen, and days on which the clock may start; no days where nobody can say."""
    whole = trial.visits.days(trial.horizon)
    if origin is None and not any(rule.visits for rule in arm.rules):
        return whole, np.zeros(1)
    if origin is not None and origin.visits is not None:
        return origin.visits.days(trial.horizon), np.zeros(1)
    if origin is not None and not any(rule.visits for rule in arm.rules):
        return whole, whole  # a rule fires at a visit
    return np.zeros(0), np.zeros(1)


def _refuse_idle(arm: Arm, number: int, place: str) -> None:
    """Refuse a rule that says what an earlier one says, or that gives what the patient must be taking already."""
    rule = arm.rules[number]
    for order, other in enumerate(arm.rules[:number], 1):
        if (rule.condition, rule.regimens) == (other.condition, other.regimens):
            raise InputError(
                f'{place}: "{rule.then}": rule {order} does the same at the same time. Remove one.'
            )
    for drug, regimen in rule.regimens.items():
        if regimen is not None and len(regimen.phases(drug)) > 1:
            return  # a course that can be begun again
        others = [one.regimens[drug] for one in arm.rules if one is not rule and drug in one.regimens]
        if any(one != regimen for one in (arm.regimens.get(drug), *others)):
            return
    raise InputError(
        f'{place}: the rule can never fire in {arm.name}: "{rule.then}" is what the patient is on already, '
        "and no other rule changes that."
    )


def _levels(condition: Condition) -> Iterator[str]:
    for leaf in condition.leaves():
        if isinstance(leaf, Met | Held | Lost):
            yield leaf.level
