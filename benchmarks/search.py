"""The fastest setting of a simulator that is accurate enough.

Every group of settings (method, and what absolute error counts as nothing) walks down the same ladder of relative
tolerances, loosest first, on a few patients. The best groups then start above what they found and go down in finer
steps on all patients of the reference. Every attempt is written down, so that none is made twice.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import Any

from effort import Effort
from journal import Journal
from process import Gone, Process

ACCURACY = 1e-4
#: Half decades for the few; sixths of decades for all.
LADDER = [float(f"{10 ** (-2 - step / 2):.1e}") for step in range(17)]
FINE = 10 ** (1 / 6)
#: A group that is so much slower than one that was accurate enough is left.
HOPELESS = 4.0
#: And so is one in which somebody fails at more than so many tolerances running.
PATIENCE = 3
#: Groups no more than so much slower than the best on the few are held against all.
CLOSE = 1.3


@dataclass
class Search:
    """One simulator looks for its setting.

    Attributes:
        few: patients of the coarse search; ``many`` of the final one.
        left: groups of settings that no time was left for.
    """

    process: Process
    journal: Journal
    few: int
    many: int
    effort: Effort
    left: list[str] = field(default_factory=list)

    def settle(self, groups: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Setting and error, or nothing where none was accurate enough."""
        began = time.monotonic()
        found: list[tuple[float, dict[str, Any]]] = []
        finals: list[tuple[float, float, dict[str, Any]]] = []
        for group in groups:
            spent = time.monotonic() - began
            if spent > (self.effort.search * (1 if found else 3)):
                self.left.append(spell(group))
                continue
            best = min((one[0] for one in found), default=math.inf)
            if one := self._walk(group, best):
                found.append(one)
        found.sort(key=lambda one: one[0])
        for seconds, setting in found:
            if not finals or seconds < CLOSE * found[0][0]:
                finals += [one] if (one := self._fine(setting)) else []
        if not finals:
            return None
        _, wrong, setting = min(finals, key=lambda one: one[0])
        return {"setting": self._vary(setting), "error": wrong, "checked": self.many, "left": self.left}

    def _walk(self, group: dict[str, Any], best: float) -> tuple[float, dict[str, Any]] | None:
        """The loosest step of the ladder that is accurate enough for the few, unless it's hopeless before."""
        failing = 0
        for relative in LADDER[:: self.effort.stride]:
            tried = self.attempt(group | {"relative": relative}, self.few)
            failing = failing + 1 if tried.get("failed") else 0
            if tried["error"] <= ACCURACY:
                return tried["seconds"], group | {"relative": relative}
            if tried["seconds"] > HOPELESS * best or "why" in tried or failing > PATIENCE:
                return None
        return None

    def _fine(self, setting: dict[str, Any]) -> tuple[float, float, dict[str, Any]] | None:
        """The same in fine steps for all: from just below the coarse step that was not accurate enough."""
        for step in range(self.effort.above, -10, -1):
            finer = setting | {"relative": float(f"{setting['relative'] * FINE**step:.1e}")}
            tried = self.attempt(finer, self.many)
            if tried["error"] <= ACCURACY:
                return tried["seconds"], tried["error"], finer
        return None

    def _vary(self, setting: dict[str, Any]) -> dict[str, Any]:
        """Other ways to the same results, such as batches of other sizes; the fastest on as many as they need."""
        if not self.effort.vary:
            return setting
        try:
            variants = self.process.ask("variants", self.effort.limit, setting=setting)["variants"]
        except Gone:
            return setting
        times = []
        for one in variants:
            patients = max(self.many, one.get("batch", 0))
            tried = self._ask("measure", one, patients)
            if "why" not in tried:
                times.append((tried["seconds"] / tried["patients"], one))
        return min(times, key=lambda pair: pair[0])[1] if times else setting

    def attempt(self, setting: dict[str, Any], patients: int) -> dict[str, Any]:
        """How wrong and how slow."""
        return self._ask("attempt", setting, patients)

    def _ask(self, do: str, setting: dict[str, Any], patients: int) -> dict[str, Any]:
        key = json.dumps([do, setting, patients], sort_keys=True)
        known = self.journal.attempts
        if key not in known:
            try:
                if do == "measure":  # once to compile, once to measure
                    self.process.ask(do, self.effort.limit, setting=setting, patients=patients)
                known[key] = self.process.ask(do, self.effort.limit, setting=setting, patients=patients)
            except Gone as gone:
                known[key] = {"error": math.inf, "seconds": self.effort.limit, "why": str(gone)}
            self.journal.write()
        return dict(known[key])


def spell(setting: dict[str, Any]) -> str:
    """A setting in words."""
    return ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in setting.items()
    )
