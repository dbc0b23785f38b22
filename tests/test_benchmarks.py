"""Promises about `make bench`: what is measured isn't lost, the tolerance found is the loosest, the page is honest."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOM = Path(__file__).resolve().parent.parent / "benchmarks"
MODULES = ("effort", "journal", "process", "search", "page", "part")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.syspath_prepend(str(ROOM))
    yield {name: importlib.import_module(name) for name in MODULES}
    for name in MODULES:
        sys.modules.pop(name, None)


class Simulator:
    """Wrong by so many times its tolerance, and the slower the finer; a log of what it was asked."""

    def __init__(self, factors: dict[str, float], gone: type[Exception] = Exception) -> None:
        self.factors, self.gone, self.asked = factors, gone, []

    def ask(self, do: str, limit: float, setting: dict[str, Any], patients: int) -> dict[str, Any]:
        self.asked.append(setting["relative"])
        factor = self.factors[setting["method"]]
        if math.isinf(factor):
            raise self.gone("it took more than 1 s")
        wrong = factor * setting["relative"] * (1.0 if patients < 100 else 3.0)
        return {"error": wrong, "seconds": (factor * setting["relative"]) ** -0.2 * factor, "failed": 0}


def search(bench: dict[str, Any], folder: Path, simulator: Simulator) -> Any:
    journal = bench["journal"].Journal.open(folder / "one.json", "digest", "run")
    return bench["search"].Search(simulator, journal, 10, 100, bench["effort"].Effort(vary=False))


def test_the_tolerance_found_is_the_loosest_of_the_fine_ladder_that_holds_for_all(
    bench: dict[str, Any], tmp_path: Path
) -> None:
    found = search(bench, tmp_path, Simulator({"a": 7.0})).settle([{"method": "a"}])
    relative = found["setting"]["relative"]
    assert found["error"] == pytest.approx(21.0 * relative)
    assert 21.0 * relative <= 1e-4 < 21.0 * relative * bench["search"].FINE * 1.05


def test_the_faster_method_wins_and_one_that_never_ends_is_left(
    bench: dict[str, Any], tmp_path: Path
) -> None:
    simulator = Simulator({"slow": 50.0, "fast": 0.5, "stuck": math.inf}, bench["process"].Gone)
    found = search(bench, tmp_path, simulator).settle(
        [{"method": name} for name in ("stuck", "slow", "fast")]
    )
    assert found["setting"]["method"] == "fast"


def test_no_attempt_is_made_twice_even_by_a_later_process(bench: dict[str, Any], tmp_path: Path) -> None:
    first, later = Simulator({"a": 7.0}), Simulator({"a": 7.0})
    assert search(bench, tmp_path, first).settle([{"method": "a"}]) == search(bench, tmp_path, later).settle(
        [{"method": "a"}]
    )
    assert first.asked and not later.asked


@pytest.mark.parametrize(
    "text", ["", "{", '{"digest": "another", "attempts": {"a": 1}, "timings": {"run": "run"}}']
)
def test_a_journal_that_is_half_written_or_of_other_sources_is_not_believed(
    bench: dict[str, Any], tmp_path: Path, text: str
) -> None:
    path = tmp_path / "one.json"
    path.write_text(text, encoding="utf-8")
    journal = bench["journal"].Journal.open(path, "digest", "run")
    assert not journal.attempts and journal.timings == {"run": "run"}


def test_times_belong_to_one_run_and_tolerances_outlive_it(bench: dict[str, Any], tmp_path: Path) -> None:
    opened = bench["journal"].Journal.open
    journal = opened(tmp_path / "one.json", "digest", "monday")
    journal.attempts |= {
        "fine": {"error": 0.1},
        "broken": {"error": math.inf, "why": "it took more than 1 s"},
    }
    journal.note("rounds", [1.0])
    assert opened(journal.path, "digest", "monday").timings["rounds"] == [1.0]
    later = opened(journal.path, "digest", "tuesday")
    assert later.timings == {"run": "tuesday"} and list(later.attempts) == ["fine"]


def test_a_run_goes_on_unless_something_it_depends_on_changed(bench: dict[str, Any], tmp_path: Path) -> None:
    run_of = bench["journal"].run_of
    begun, going_on = run_of(tmp_path, ["a"], False)
    assert not going_on and run_of(tmp_path, ["a"], False) == (begun, True)
    assert run_of(tmp_path, ["a"], True)[1] is False
    assert run_of(tmp_path, ["b"], False)[1] is False


def row(simulator: str, microseconds: float | None, why: str = "") -> dict[str, Any]:
    return {
        "job": "hahnel2020", "title": "a job", "simulator": simulator, "version": "1", "how": "as it likes",
        "why": why, "setting": json.dumps({"relative": 1e-6}), "error": 5e-5, "checked": 10, "patients": 21,
        "microseconds": microseconds, "processor": microseconds, "rounds": 2, "cold": 1.0, "ever": 2.0,
        "memory": 100, "steps": None, "failed": 0, "failed_of": 21, "untried": "",
    }  # fmt: skip


def test_the_page_says_which_bars_are_not_met_and_what_is_missing_and_why(
    bench: dict[str, Any], tmp_path: Path
) -> None:
    rows = [
        row("offtarget", 10.0),
        row("libRoadRunner", 240.0),
        row("diffrax", None, "it took more than 1 s"),
    ]
    path = tmp_path / "page.md"
    bench["page"].write_page(path, rows, started="2026-01-02T", rounds=2, missing={"amici": "it is not installed"},
                             reference="all", minutes=1.0, going_on=False)  # fmt: skip
    lines = path.read_text(encoding="utf-8").splitlines()
    assert any("libRoadRunner" in line and "24.0 times" in line and "**not met**" in line for line in lines)
    assert any("diffrax" in line and "not measured" in line for line in lines)
    assert "Not measured here: amici, because it is not installed." in lines
    assert "`hahnel2020`, diffrax: it took more than 1 s." in lines


def test_a_part_of_the_lock_holds_the_package_and_what_it_needs_with_hashes(bench: dict[str, Any]) -> None:
    text = (ROOM / "requirements.txt").read_text(encoding="utf-8")
    entries = bench["part"].part(text, "diffrax").split("\n\n")[0]
    assert "diffrax==" in entries and "jaxlib==" in entries and "libroadrunner==" not in entries
    assert entries.count("--hash=") >= entries.count("==")
