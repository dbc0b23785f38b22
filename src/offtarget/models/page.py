"""A model as a page: what it is about, its equations, and every number with its unit, meaning and source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from offtarget.evidence import cite, grades, reference
from offtarget.models.expression import infix
from offtarget.models.model import Model, Parameter, Species

__all__ = ["page"]


def page(model: Model) -> str:
    """The model as Markdown: equations, units, clones, parameters with evidence, references.

    Args:
        model: treated or not.
    """
    return "\n".join(_lines(model)) + "\n"


def _lines(model: Model) -> Iterator[str]:
    yield f"# {model.title}"
    yield ""
    source = f" After {reference(model.source).line()}" if model.source else ""
    clones = f" Clones: {', '.join(model.clones)}." if model.clones else ""
    yield f"Model `{model.id}`, time in {model.time_unit}.{source}{clones}"
    yield from _section("States", ("Name", "Unit", "At the start", "Meaning"), _states(model))
    yield from _section("Rates of change", ("State", "d/dt"), _rates(model))
    yield from _section("Reactions", ("Name", "Rate", "Changes"), _reactions(model))
    yield from _section("Events", ("Name", "When", "Then", "How"), _events(model))
    static = model.static()
    moving = [one for one in model.rules if one.id not in static]
    still = [one for one in model.rules if one.id in static]
    head = ("Name", "Unit", "Is", "Meaning")
    yield from _section(
        "Rules", head, ((one.id, one.unit, _code(infix(one.expression)), one.name) for one in moving)
    )
    title = "Rules of parameters only (computed when a parameter changes)"
    yield from _section(
        title, head, ((one.id, one.unit, _code(infix(one.expression)), one.name) for one in still)
    )
    wide = ("Name", "Value", "Unit", "Meaning", "Grade", "Source")
    yield from _section("Parameters", wide, (_parameter(one) for one in model.parameters))
    counted = ", ".join(f"{number} {grade}" for grade, number in grades(model).items() if number)
    yield from ("", f"Grades: {counted}." if counted else "No grades are stated.")
    references = cite(model)
    if references:
        yield from ("", "## References", "")
        yield from (f"- [{one.key}] {one.line()}" for one in references)


def _section(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    body = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    if body:
        yield from ("", f"## {title}", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head), *body)


def _code(text: str) -> str:
    return f"`{text}`"


def _states(model: Model) -> Iterator[tuple[str, ...]]:
    for one in model.species:
        yield one.id, f"{one.unit or '1'}{_counted(one)}", _code(infix(one.initial)), one.name


def _counted(one: Species) -> str:
    """How chance may act on a state."""
    if not one.counted:
        return ""
    if one.counted_below is None:
        return ", whole"
    return f", whole below {one.counted_below:g}" if one.counted_below else ", flows"


def _rates(model: Model) -> Iterator[tuple[str, ...]]:
    for name, expression in model.derivatives().items():
        yield name, _code(infix(expression))


def _reactions(model: Model) -> Iterator[tuple[str, ...]]:
    for one in model.reactions:
        yield one.id, _code(infix(one.rate)), ", ".join(f"{id} {amount:+g}" for id, amount in one.changes)


def _events(model: Model) -> Iterator[tuple[str, ...]]:
    for one in model.events:
        then = "; ".join(_code(f"{id} = {infix(value)}") for id, value in one.assignments)
        how = [f"after `{infix(one.delay)}`"] if one.delay is not None else []
        how += [f"priority `{infix(one.priority)}`"] if one.priority is not None else []
        how += [] if one.initially else ["may fire at time zero"]
        how += [] if one.persistent else ["not if the trigger turns false first"]
        how += [] if one.from_trigger_time else ["with the values at its execution"]
        yield one.id, _code(infix(one.trigger)), then, ", ".join(how)


def _parameter(one: Parameter) -> tuple[str, ...]:
    found = one.evidence
    grade, source = (
        ("", "")
        if found is None
        else (found.grade.value, ", ".join(x for x in (found.source, found.note) if x))
    )
    return one.id, f"{one.value:g}", one.unit or "1", one.name, grade, source
