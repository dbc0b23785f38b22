"""Mechanism: one target in one cell type moves one parameter, this much, on this evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from offtarget.catalog import find, ids
from offtarget.errors import InputError, sentence
from offtarget.evidence import Quantity, Reference, reference
from offtarget.models.model import Model
from offtarget.pharmacology.drug import Drug
from offtarget.pharmacology.effects import Act, Binding, treated
from offtarget.pharmacology.exposure import EXPOSURES
from offtarget.records import Table, read_toml

__all__ = ["EFFECTS", "Mechanism", "Potency", "load_mechanism", "mechanisms_for", "treat"]

EFFECTS = ("increase", "decrease", "add")
SIGNS = ("benefit", "harm", "either")
STRENGTHS = ("strong", "moderate", "weak")


@dataclass(frozen=True, slots=True)
class Potency:
    """The free concentration that half-occupies a target in its cell, and the steepness."""

    half: Quantity
    hill: Quantity


@dataclass(frozen=True, slots=True)
class Mechanism:
    """What inhibiting a target in a cell does.

    The occupancy of the target is I^h / (1 + I^h), with I the sum over drugs of free concentration over potency.

    Attributes:
        target: the kinase, for example ``KIT``.
        cell: the cell it sits in, as one word: ``dendritic_cell``.
        per_clone: acts in each tumour clone apart, with the potencies of the drugs' clone tables.
        moves: the parameter it moves, ``{clone}`` standing for each clone; empty for what is reported only.
        effect: ``increase``: times 1 + maximum * occupancy; ``decrease``: times 1 - maximum * occupancy;
            ``add``: plus ``scale`` * maximum * occupancy.
        scale: for ``add``, the model's parameter that full occupancy adds.
        maximum: the effect at full occupancy, dimensionless.
        potencies: drug -> potency in this cell; empty when ``per_clone``.
        models: the models it is written for.
        sign: for the patient: ``benefit``, ``harm`` or ``either``.
        strength: of the evidence that the effect occurs, not of which kinase causes it.
        claims: the claims of the evidence collection that it rests on.
        support: the references behind those claims.
    """

    id: str
    title: str
    target: str
    cell: str
    per_clone: bool
    moves: str
    effect: str
    scale: str
    maximum: Quantity
    potencies: Mapping[str, Potency]
    models: tuple[str, ...]
    sign: str
    strength: str
    claims: tuple[str, ...]
    support: tuple[Reference, ...]
    note: str

    @property
    def switch(self) -> str:
        """The parameter that turns the mechanism on (1) or off (0)."""
        return f"on_{self.id}"

    def acts_through(self, drug: Drug) -> bool:
        """Whether the drug has a potency here."""
        if self.per_clone:
            return bool(drug.targets.clones) and drug.targets.clone_target == self.target
        return drug.id in self.potencies


def load_mechanism(name: str) -> Mechanism:
    """The mechanism in the catalogue, or in the user's file.

    Args:
        name: a catalogue name (``dc_nk_licensing``) or a path to a TOML file.

    Raises:
        InputError: not found, or wrong: the sentence names file, key, what was expected and what came.

    Example:
        >>> load_mechanism("dc_nk_licensing").moves
        'NK_drive'
    """
    path = find("mechanisms", name)
    table = read_toml(path)
    if not path.stem.isidentifier():
        raise InputError(sentence(path.name, expected="a file named like a word", got=path.stem))
    moves = table.text("moves", default="")
    effect = table.choice("effect", EFFECTS, kind="effect")
    per_clone = table.flag("per_clone", default=False)
    mechanism = Mechanism(
        id=path.stem, title=table.text("title"), target=table.text("target"), cell=_word(table, "cell"),
        per_clone=per_clone, moves=moves, effect=effect, scale=table.text("scale") if effect == "add" else "",
        maximum=table.quantity("maximum", of=""), potencies={} if per_clone else _potencies(table),
        models=table.texts("models"), sign=table.choice("sign", SIGNS, kind="sign"),
        strength=table.choice("strength", STRENGTHS, kind="strength"), claims=table.texts("claims"),
        support=_support(table), note=table.text("note", default=""),
    )  # fmt: skip
    table.done()
    _check(mechanism, path.name)
    return mechanism


def mechanisms_for(model: Model, drugs: Sequence[Drug]) -> tuple[Mechanism, ...]:
    """The catalogue's mechanisms that act in this model through any of these drugs, sorted by id.

    Args:
        model: the untreated model.
        drugs: the drugs of the trial.
    """
    known = (load_mechanism(name) for name in ids("mechanisms"))
    return tuple(
        one for one in known if model.id in one.models and any(one.acts_through(drug) for drug in drugs)
    )


def treat(
    model: Model, drugs: Sequence[Drug], mechanisms: Sequence[Mechanism], *, exposure: str = "averaged"
) -> Model:
    """The model with these drugs in it: exposures, occupancies and altered parameters, as equations.

    A moved parameter keeps its name as the untreated value, which is what a cohort samples; the equations use
    ``<name>_treated``. With every dose at zero, or every switch at zero, the equations give what they gave before.

    Args:
        model: the untreated model, in days.
        drugs: the drugs that may be given; their order does not matter.
        mechanisms: what they do; their order does not matter.
        exposure: ``averaged``: occupancies are means over one steady-state dosing interval; ``dosed``: they follow the
            instantaneous concentration, and a schedule adds each dose to ``gut_<drug>``.

    Raises:
        InputError: a mechanism that moves what the model does not have, or that none of the drugs acts through; two
            drugs or mechanisms of one name; a name the model already uses.

    Example:
        >>> from offtarget.models.sbml import load_model
        >>> from offtarget.pharmacology.drug import load_drug
        >>> cml, imatinib = load_model("cml"), load_drug("imatinib")
        >>> "trough_imatinib" in treat(cml, [imatinib], mechanisms_for(cml, [imatinib])).outputs
        True
    """
    if exposure not in EXPOSURES:
        raise InputError(sentence("exposure", expected='"averaged" or "dosed"', got=exposure))
    sorted_drugs = sorted(drugs, key=lambda one: one.id)
    sorted_mechanisms = sorted(mechanisms, key=lambda one: one.id)
    for kind, names in (("drug", sorted_drugs), ("mechanism", sorted_mechanisms)):
        _once(kind, [one.id for one in names])
    acts = [act for one in sorted_mechanisms for act in _acts(one, sorted_drugs, model)]
    return treated(model, sorted_drugs, acts, exposure=exposure)


def _once(kind: str, names: Sequence[str]) -> None:
    for before, name in pairwise(names):
        if before == name:
            raise InputError(f'{kind} "{name}" is there twice. Name it once.')


def _acts(one: Mechanism, drugs: Sequence[Drug], model: Model) -> list[Act]:
    """What a mechanism does in this model: one act, or one for each clone."""
    acting = [drug for drug in drugs if one.acts_through(drug)]
    if not acting:
        given = ", ".join(drug.id for drug in drugs) or "no drug"
        expected = f"a drug with a potency in this mechanism ({', '.join(one.potencies) or one.target})"
        raise InputError(sentence(f"mechanism {one.id}", expected=expected, got=given))
    if not one.per_clone:
        bindings = tuple(
            Binding(drug.id, p.half, p.hill) for drug in acting for p in (one.potencies[drug.id],)
        )
        return [_act(one, one.moves, one.cell, bindings)]
    if not model.clones:
        then = "The mechanism acts clone by clone."
        raise InputError(
            sentence(f"mechanism {one.id}", expected="a model with clones", got=model.id, then=then)
        )
    return [
        _act(one, one.moves.replace("{clone}", clone), clone, _sensitive(acting, clone))
        for clone in model.clones
    ]


def _sensitive(drugs: Sequence[Drug], clone: str) -> tuple[Binding, ...]:
    found = [(drug, drug.targets.sensitivity(clone)) for drug in drugs]
    return tuple(Binding(drug.id, one.free, one.hill) for drug, one in found if not one.insensitive)


def _act(one: Mechanism, moves: str, place: str, bindings: tuple[Binding, ...]) -> Act:
    return Act(one.id, one.title, one.target, place, moves, one.effect, one.scale, one.maximum, bindings)


def _word(table: Table, key: str) -> str:
    text = table.text(key)
    if not text.isidentifier():
        raise InputError(sentence(table.at(key), expected='one word such as "dendritic_cell"', got=text))
    return text


def _potencies(table: Table) -> dict[str, Potency]:
    found = {}
    for drug, inner in table.named_tables("potency").items():
        found[drug] = Potency(inner.quantity("half", of="nM"), inner.quantity("hill", of=""))
        inner.done()
        for quantity in (found[drug].half, found[drug].hill):
            if quantity.value <= 0:
                raise InputError(sentence(inner.where, expected="a number above zero", got=quantity.value))
    if not found:
        raise InputError(
            sentence(table.at("potency"), expected="a table for each drug, [potency.<drug>]", got=None)
        )
    return found


def _support(table: Table) -> tuple[Reference, ...]:
    try:
        return tuple(reference(key) for key in table.texts("support"))
    except InputError as problem:
        raise InputError(f"{table.at('support')}: {problem}") from None


def _check(mechanism: Mechanism, where: str) -> None:
    low, high = (0.0, 1.0) if mechanism.effect == "decrease" else (0.0, 1000.0)
    if not low <= mechanism.maximum.value <= high:
        expected = f"a number from {low:g} to {high:g}"
        raise InputError(sentence(f"{where}: maximum", expected=expected, got=mechanism.maximum.value))
    if mechanism.per_clone and mechanism.moves and "{clone}" not in mechanism.moves:
        raise InputError(
            sentence(f"{where}: moves", expected='a name with "{clone}" in it', got=mechanism.moves)
        )
    if not mechanism.per_clone and "{" in mechanism.moves:
        then = "Or set per_clone = true."
        raise InputError(sentence(f"{where}: moves", expected="a plain name", got=mechanism.moves, then=then))
