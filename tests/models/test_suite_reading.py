"""The public SBML test suite, where it is at hand: every case is read or refused by name, and a sample simulated right.

Its place is told by the environment variable OFFTARGET_SBML_SUITE, or looked for beside the checkout. All of it, on the
compiled engine, is ``make sbml``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from offtarget.errors import InputError
from offtarget.models.sbml import read_model

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ROOT.parent / "shared" / "sbml-test-suite"
SUITE = Path(os.environ.get("OFFTARGET_SBML_SUITE", BESIDE)) / "semantic"

pytestmark = pytest.mark.skipif(
    not SUITE.is_dir(),
    reason="did not run: the SBML test suite is not here; set OFFTARGET_SBML_SUITE to its folder",
)


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    """The module behind ``make sbml``."""
    spec = importlib.util.spec_from_file_location("sbml_suite", ROOT / "tests" / "sbml_suite.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_case_is_read_or_refused_by_name(runner: ModuleType) -> None:
    paths = runner.cases(SUITE)
    read = 0
    for case in paths:
        try:
            read_model(runner.model_file(case, "").read_text(encoding="utf-8"), where=case.name)
            read += 1
        except InputError as problem:
            assert str(problem).startswith(case.name)
            assert "\n" not in str(problem)
    assert read > 0.94 * len(paths)


@pytest.mark.slow
def test_every_twentieth_case_is_simulated_right_by_the_slow_twin(runner: ModuleType) -> None:
    verdicts = [runner.judge(case, twin=True) for case in runner.cases(SUITE)[::20]]
    assert not [one for one in verdicts if one.outcome == "failed"]
    assert sum(one.outcome == "passed" for one in verdicts) > 0.9 * len(verdicts)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.03, 0.35, 0.8])
def test_cases_are_simulated_right_by_the_engine(runner: ModuleType, share: float) -> None:
    paths = runner.cases(SUITE)
    verdict = runner.judge(paths[int(share * len(paths))])
    assert verdict.outcome in ("passed", "refused"), verdict.why
