"""Exposure as equations of a model: the averaged form, rules of parameters only; the dosed form, two states and events.

Both end in the same thing: courses of free concentration in nM, with their chances. A mechanism's effect is the mean of
one expression over them. The dosed form has a single course with a single node, the concentration now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from offtarget.models.expression import Call, Expression, Number, Symbol, add, divide, multiply
from offtarget.models.model import Parameter, Reaction, Rule, Species
from offtarget.pharmacology.drug import Drug
from offtarget.pharmacology.profile import APART, PATTERNS, nodes

__all__ = ["EXPOSURES", "Course", "Exposure", "averaged", "conversions", "dosed"]

EXPOSURES = ("averaged", "dosed")

#: Parameters that convert between units: 1 / (g/mol) is 1e6 nmol/mg, 1 mg/L is 1000 ng/mL.
_NANOMOLES, _NANOGRAMS = "nanomoles_per_milligram_mole", "nanograms_per_millilitre"

ONE = Number(1.0)


@dataclass(frozen=True, slots=True)
class Course:
    """Concentrations over one dosing interval, and how likely that interval is.

    Attributes:
        chance: factors whose product is the probability of this course.
        nodes: rules that hold a free concentration (nM), each with its share of the interval.
    """

    chance: tuple[Expression, ...]
    nodes: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """One drug's part of a treated model.

    Attributes:
        average: the rule that holds the mean free concentration, nM.
    """

    drug: Drug
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    courses: tuple[Course, ...]
    average: str
    species: tuple[Species, ...] = ()
    reactions: tuple[Reaction, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names worth looking at: trough and average."""
        return tuple(f"{name}_{self.drug.id}" for name in ("trough", "average", "free_average"))


def conversions() -> tuple[Parameter, ...]:
    """The two conversion factors every treated model holds, as parameters so that its units agree exactly."""
    return (
        Parameter(_NANOMOLES, 1e6, "nmol*g/(mg*mol)", "unit conversion"),
        Parameter(_NANOGRAMS, 1e3, "ng*L/(mL*mg)", "unit conversion"),
    )


def averaged(drug: Drug) -> Exposure:
    """The averaged exposure of a drug: nodes in one interval times the last two doses taken or not."""
    d = drug.id
    at, weights = nodes()
    rules = [*_common(drug), *_geometric(d)]
    for number, fraction in enumerate(at, 1):
        rules += _node(d, number, float(fraction))
    courses = []
    for pattern in PATTERNS:
        names = [f"free_{d}_{pattern[0]}{pattern[1]}_{number}" for number in range(1, at.size + 1)]
        for number, name in enumerate(names, 1):
            rules.append(Rule(name, _pattern(d, number, pattern), "nM", _said(drug, pattern, number)))
        courses.append(Course(_chance(d, pattern), tuple(zip(names, map(float, weights), strict=True))))
    return Exposure(drug, _parameters(drug), (*rules, *_reported(drug)), tuple(courses), f"free_average_{d}")


def dosed(drug: Drug) -> Exposure:
    """The dosed exposure of a drug: ``gut`` and ``central`` amounts; a schedule adds each dose to the gut."""
    d = drug.id
    amount = Call("max", (Symbol(f"central_{d}"), Number(0.0)))  # a solver may step a hair below nothing
    free = multiply(_free(d), divide(amount, Symbol(f"V_{d}")))
    rules = (
        *_common(drug),
        *_geometric(d),
        Rule(f"free_{d}", free, "nM", f"free {drug.name} now"),
        *_reported(drug),
    )
    absorbed, gone = (
        multiply(Symbol(f"ka_{d}"), Symbol(f"gut_{d}")),
        multiply(Symbol(f"ke_{d}"), Symbol(f"central_{d}")),
    )
    species = tuple(
        Species(f"{where}_{d}", Number(0.0), "mg", f"{drug.name} in the {said}")
        for where, said in (("gut", "gut"), ("central", "body"))
    )
    reactions = (
        Reaction(f"absorption_{d}", absorbed, ((f"gut_{d}", -1.0), (f"central_{d}", 1.0))),
        Reaction(f"elimination_{d}", gone, ((f"central_{d}", -1.0),)),
    )
    courses = (Course((), ((f"free_{d}", 1.0),)),)
    return Exposure(drug, _parameters(drug), rules, courses, f"free_{d}", species, reactions)


def _parameters(drug: Drug) -> tuple[Parameter, ...]:
    """The drug's parameters, at the typical patient's values and no dose; a cohort and a schedule set them."""
    typical = drug.typical()
    said = {
        "CL": "apparent clearance", "V": "apparent volume", "ka": "absorption rate", "fu": "free fraction in plasma",
        "molar_mass": "molar mass",
    }  # fmt: skip
    kinetic = tuple(
        replace(typical[name], id=f"{name}_{drug.id}", name=f"{text} of {drug.name}")
        for name, text in said.items()
    )
    return (
        Parameter(f"dose_{drug.id}", 0.0, "mg", f"{drug.name}, each dose; 0 when not taken"),
        Parameter(f"interval_{drug.id}", 1.0, "day", f"{drug.name}, time between doses"),
        Parameter(f"adherence_{drug.id}", 1.0, "", f"share of {drug.name} doses taken"),
        *kinetic,
    )


def _common(drug: Drug) -> tuple[Rule, ...]:
    d = drug.id
    ke, ka = Symbol(f"ke_{d}"), Symbol(f"ka_{d}")
    near = Call("<", (Call("abs", (Call("-", (ka, ke)),)), multiply(Number(APART), ke)))
    apart = Call("piecewise", (multiply(ke, Number(1 + APART)), near, ka))
    return (
        Rule(
            f"ke_{d}",
            divide(Symbol(f"CL_{d}"), Symbol(f"V_{d}")),
            "1/day",
            f"elimination rate of {drug.name}",
        ),
        Rule(f"ka_apart_{d}", apart, "1/day", f"absorption rate of {drug.name}, held apart from elimination"),
    )


def _geometric(d: str) -> tuple[Rule, ...]:
    """What one interval leaves of each exponential, and the height of the profile (mg/L)."""
    ke, ka, tau = Symbol(f"ke_{d}"), Symbol(f"ka_apart_{d}"), Symbol(f"interval_{d}")
    height = divide(multiply(Symbol(f"dose_{d}"), ka), multiply(Symbol(f"V_{d}"), Call("-", (ka, ke))))
    return (
        Rule(
            f"stays_{d}",
            _decay(ke, tau),
            "",
            "share of the drug in the body left after one interval",
        ),
        Rule(
            f"unabsorbed_{d}",
            _decay(ka, tau),
            "",
            "share of the dose in the gut left after one interval",
        ),
        Rule(f"height_{d}", height, "mg/L", "height of the profile"),
    )


def _decay(rate: Expression, time: Expression) -> Expression:
    return Call("exp", (Call("neg", (multiply(rate, time),)),))


def _doses(d: str, left: Expression, fell: Expression) -> tuple[Expression, ...]:
    """Concentration (mg/L) from the last dose, the one before, and the mean of all earlier ones if all were taken."""
    stays, gut, height = Symbol(f"stays_{d}"), Symbol(f"unabsorbed_{d}"), Symbol(f"height_{d}")

    def after(number: int) -> Expression:
        a = multiply(*([stays] * number), left) if number else left
        b = multiply(*([gut] * number), fell) if number else fell
        if number == 2:  # and every one before it
            a, b = divide(a, Call("-", (ONE, stays))), divide(b, Call("-", (ONE, gut)))
        return multiply(height, Call("-", (a, b)))

    return after(0), after(1), after(2)


def _node(d: str, number: int, fraction: float) -> list[Rule]:
    """The three parts of the concentration at one node."""
    time = multiply(Number(fraction), Symbol(f"interval_{d}"))
    left, fell = (_decay(Symbol(f"{name}_{d}"), time) for name in ("ke", "ka_apart"))
    names = ("last", "previous", "earlier")
    parts = _doses(d, Symbol(f"left_{d}_{number}"), Symbol(f"fell_{d}_{number}"))
    return [
        Rule(f"left_{d}_{number}", left, ""),
        Rule(f"fell_{d}_{number}", fell, ""),
        *(Rule(f"{name}_{d}_{number}", part, "mg/L") for name, part in zip(names, parts, strict=True)),
    ]


def _pattern(d: str, number: int, pattern: tuple[int, int]) -> Expression:
    earlier = multiply(Symbol(f"adherence_{d}"), Symbol(f"earlier_{d}_{number}"))
    own = [
        Symbol(f"{name}_{d}_{number}")
        for name, taken in zip(("last", "previous"), pattern, strict=True)
        if taken
    ]
    return multiply(_free(d), add(*own, earlier))


def _chance(d: str, pattern: tuple[int, int]) -> tuple[Expression, ...]:
    p = Symbol(f"adherence_{d}")
    return tuple(p if taken else Call("-", (ONE, p)) for taken in pattern)


def _free(d: str) -> Expression:
    """nM of free drug for each mg/L of drug."""
    return divide(multiply(Symbol(f"fu_{d}"), Symbol(_NANOMOLES)), Symbol(f"molar_mass_{d}"))


def _said(drug: Drug, pattern: tuple[int, int], number: int) -> str:
    last, before = ("taken" if one else "missed" for one in pattern)
    return f"free {drug.name} at node {number}; last dose {last}, the one before {before}"


def _reported(drug: Drug) -> tuple[Rule, ...]:
    """Trough with every dose taken (total, ng/mL); average over the doses this patient takes (total and free)."""
    d = drug.id
    series = [
        divide(Symbol(left), Call("-", (ONE, Symbol(left)))) for left in (f"stays_{d}", f"unabsorbed_{d}")
    ]
    trough = multiply(Symbol(f"height_{d}"), Call("-", (series[0], series[1])))
    rate = divide(multiply(Symbol(f"dose_{d}"), Symbol(f"adherence_{d}")), Symbol(f"interval_{d}"))
    average = divide(rate, Symbol(f"CL_{d}"))
    return (
        Rule(f"trough_{d}", multiply(Symbol(_NANOGRAMS), trough), "ng/mL",
             f"total {drug.name} at the end of the interval, steady state, every dose taken"),
        Rule(f"average_{d}", multiply(Symbol(_NANOGRAMS), average), "ng/mL",
             f"mean total {drug.name}, steady state, doses missed as this patient does"),
        Rule(f"free_average_{d}", multiply(_free(d), average), "nM",
             f"mean free {drug.name}, steady state, doses missed as this patient does"),
    )  # fmt: skip
