"""SBML to Model. What is not supported is refused by name before anything runs, never simulated wrongly.

The text is judged (``sbml_refuse``), said again in plain nouns (``sbml_source``), its algebraic rules solved
(``sbml_algebra``), its delays written as equations (``sbml_delays``), and put into the one canonical form: states,
rules, reactions, rates and events.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import libsbml

from offtarget.errors import InputError, UnsupportedError, sentence
from offtarget.models.expression import Expression, Number, substitute
from offtarget.models.model import Model, Parameter, Rule, Species
from offtarget.models.ordering import in_order, refuse_undefined
from offtarget.models.sbml_algebra import solved
from offtarget.models.sbml_chance import refuse_misplaced_draws
from offtarget.models.sbml_delays import undelayed
from offtarget.models.sbml_events import events_of
from offtarget.models.sbml_reactions import changes_and_rates, laws_by_name
from offtarget.models.sbml_refuse import refuse_hostile, refuse_unsupported
from offtarget.models.sbml_source import Source, read_source
from offtarget.models.sbml_species import Places, place_quantities
from offtarget.models.sbml_tangle import refuse_tangled
from offtarget.models.starting import at_start

__all__ = ["read_sbml"]

_EMPTY = Model(id="", title="", time_unit="", parameters=(), species=(), rules=(), reactions=())
_LONGEST_WORDS = 300
#: Questions of taste or of units, which are judged elsewhere or not at all.
_UNJUDGED = (
    libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, libsbml.LIBSBML_CAT_SBO_CONSISTENCY,
    libsbml.LIBSBML_CAT_MODELING_PRACTICE,
)  # fmt: skip


def read_sbml(text: str, *, where: str) -> Model:
    """The model in an SBML document (core, Level 2 and 3).

    Args:
        text: the document.
        where: the file or place, for error sentences.

    Raises:
        InputError: not SBML, or not valid.
        UnsupportedError: valid, but it uses something this package refuses to simulate; the text names it.
    """
    refuse_hostile(text, where)
    document = libsbml.readSBMLFromString(text)
    _refuse_errors(document, where)
    document = _flattened(document, where)
    if document.getModel() is not None:
        refuse_tangled(document.getModel(), where)
    for category in _UNJUDGED:
        document.setConsistencyChecks(category, False)
    document.checkConsistency()
    _refuse_errors(document, where)
    model = document.getModel()
    if model is None:
        raise InputError(sentence(where, expected="an SBML document with a model", got="none"))
    refuse_unsupported(model, where)
    try:
        return _assembled(undelayed(solved(read_source(model, where), where), where), where)
    except RecursionError:
        raise UnsupportedError(f"{where}: formulas nested too deeply. Split them into rules.") from None


def _refuse_errors(document: Any, where: str) -> None:
    for number in range(document.getNumErrors()):
        problem = document.getError(number)
        if problem.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            # libSBML cites the rule at length, then says on its last line what broke it
            lines = [" ".join(line.split()) for line in problem.getMessage().splitlines()]
            lines = [line for line in lines if line and not line.startswith("Reference:")]
            got = f"a mistake in line {problem.getLine()}"
            then = lines[-1][:_LONGEST_WORDS] if lines else "It cannot be parsed."
            raise InputError(sentence(where, expected="a valid SBML document", got=got, then=then))


def _flattened(document: Any, where: str) -> Any:
    if document.getLevel() < 3:
        return document  # packages came with Level 3; what libSBML reports below it are annotations
    for number in range(document.getNumPlugins()):
        name = document.getPlugin(number).getPackageName()
        if name not in ("comp", "l3v2extendedmath", "distrib") and document.getPackageRequired(name):
            raise UnsupportedError(f'{where}: the SBML package "{name}" is not supported.')
    plugin = document.getPlugin("comp")
    if plugin is None:
        return document
    if plugin.getNumExternalModelDefinitions():
        raise UnsupportedError(f"{where}: definitions in other files are not supported.")
    options = libsbml.ConversionProperties()
    options.addOption("flatten comp", True)
    options.addOption("performValidation", False)
    if document.convert(options) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise UnsupportedError(f"{where}: the hierarchical model could not be flattened.")
    return document


def _assembled(source: Source, where: str) -> Model:
    """The Model of what a document says: quantities placed, reactions counted, starts written in parameters."""
    taken = _taken(source)

    def free(name: str) -> str:
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    places = place_quantities(source, free, where)
    reactions, more = changes_and_rates(source, places)
    places.parameters += [_finite(own, where) for one in source.processes for own in one.own]
    places.rates += more
    states = replace(_EMPTY, species=tuple(places.species), reactions=reactions, rates=tuple(places.rates))
    laws = laws_by_name(source, places, reactions, states.derivatives(), where)
    rules = [replace(one, expression=substitute(one.expression, laws)) for one in places.rules]
    ordered = in_order(tuple(rules), where=where)
    species, settled = _started(places, rules, laws, where)
    # in a rate, a reaction keeps its name: the engine computes rates after reactions
    called = {one.id for one in reactions}
    derived = {name: law for name, law in laws.items() if name not in called}
    read = Model(
        id=source.id, title=source.title, time_unit=source.time_unit, parameters=tuple(places.parameters),
        species=species, rules=in_order((*settled, *rules), where=where),
        reactions=tuple(replace(one, rate=laws[one.id]) for one in reactions),
        rates=tuple(replace(one, expression=substitute(one.expression, derived)) for one in places.rates),
        events=events_of(source, places, laws, ordered, where), delayed=source.delayed,
    )  # fmt: skip
    refuse_undefined(read, where=where)
    refuse_misplaced_draws(source, read, where)
    return read


def _taken(source: Source) -> set[str]:
    """Every name of a document."""
    processes = source.processes
    return {*source.quantities(), *(one.id for one in processes), *(own.id for one in processes for own in one.own),
            *(one.id for one in source.events), "time"}  # fmt: skip


def _finite(own: Parameter, where: str) -> Parameter:
    if not math.isfinite(own.value):
        raise UnsupportedError(f"{where}: {own.id} has no finite value to start from. Give it one.")
    return own


def _started(
    places: Places, rules: list[Rule], laws: Mapping[str, Expression], where: str
) -> tuple[tuple[Species, ...], tuple[Rule, ...]]:
    """States and settled values, their starts written in parameters alone."""
    meanings: dict[str, Expression] = {"time": Number(0.0), **laws}
    meanings |= {one.id: one.initial for one in places.species}
    meanings |= {one.id: one.expression for one in (*rules, *places.settled)}
    wanted = [one.id for one in places.species] + [one.id for one in places.settled]
    starts = at_start(wanted, meanings, where=where)
    return (
        tuple(replace(one, initial=starts[one.id]) for one in places.species),
        tuple(replace(one, expression=starts[one.id]) for one in places.settled),
    )
