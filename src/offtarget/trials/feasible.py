"""Rules and endpoints that could never come true are mistakes in a study: found before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from offtarget.errors import InputError
from offtarget.trials.conditions import Condition, Held, Joined, Lost, Met
from offtarget.trials.trial import Arm, Trial
from offtarget.units import DAYS_PER_MONTH

__all__ = ["check_rules"]


def check_rules(trial: Trial, *, where: str) -> None:
    """Refuse a study with a condition that no patient could ever meet.

    Args:
        trial: the study.
        where: the file, for the error sentence.

    Raises:
        InputError: a condition that needs longer than the trial lasts, a drug no arm gives, or a response deeper than
            the assay can show.
    """
    for number, arm in enumerate(trial.arms, 1):
        given = set(arm.regimens).union(*(rule.regimens for rule in arm.rules))
        for order, rule in enumerate(arm.rules, 1):
            place = f"{where}: arm {number}: rule {order}: when"
            _refuse(rule.condition, rule.when, place, trial, given, f"the rule can never fire in {arm.name}")
            _refuse_idle(arm, order - 1, f"{where}: arm {number}: rule {order}: then")
    for number, endpoint in enumerate(trial.endpoints, 1):
        place = f"{where}: endpoint {number}: event"
        _refuse(
            endpoint.condition, endpoint.event, place, trial, set(trial.drugs), "the event can never happen"
        )


def _refuse(condition: Condition, text: str, place: str, trial: Trial, given: set[str], verdict: str) -> None:
    strange = sorted(condition.drugs() - given)
    if strange:
        raise InputError(f'{place}: {verdict}: "{text}" waits for {strange[0]}, which is never given.')
    if condition.earliest() > trial.horizon:
        needs, has = condition.earliest() / DAYS_PER_MONTH, trial.horizon / DAYS_PER_MONTH
        raise InputError(
            f'{place}: {verdict}: "{text}" needs {needs:.0f} months, the trial lasts {has:.0f}. Lengthen the horizon.'
        )
    for level in _levels(condition):
        if not trial.assay.can_show(level):
            raise InputError(
                f"{place}: {verdict}: the assay of this study is not sensitive enough to show {level}. "
                "Give it more control transcripts, or ask for a shallower response."
            )


def _refuse_idle(arm: Arm, number: int, place: str) -> None:
    """Refuse a rule that says what an earlier one says, or that gives what the patient must be taking already."""
    rule = arm.rules[number]
    for order, other in enumerate(arm.rules[:number], 1):
        if (rule.condition, rule.regimens) == (other.condition, other.regimens):
            raise InputError(
                f'{place}: "{rule.then}": rule {order} does the same at the same time. Remove one.'
            )
    for drug, regimen in rule.regimens.items():
        others = [one.regimens[drug] for one in arm.rules if one is not rule and drug in one.regimens]
        if any(one != regimen for one in (arm.regimens.get(drug), *others)):
            return
    raise InputError(
        f'{place}: the rule can never fire in {arm.name}: "{rule.then}" is what the patient is on already, '
        "and no other rule changes that."
    )


def _levels(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Joined):
        for part in condition.parts:
            yield from _levels(part)
    elif isinstance(condition, Met | Held | Lost):
        yield condition.level
