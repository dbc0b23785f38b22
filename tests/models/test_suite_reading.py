"""The public SBML test suite, where it is at hand: every case is read, or refused by name; none ends in a traceback.

Its place is told by the environment variable OFFTARGET_SBML_SUITE, or looked for beside the checkout.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from offtarget.errors import InputError
from offtarget.models.sbml import read_model

BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "sbml-test-suite"
SUITE = Path(os.environ.get("OFFTARGET_SBML_SUITE", BESIDE)) / "semantic"


@pytest.mark.skipif(
    not SUITE.is_dir(),
    reason="the public SBML test suite is not here: set OFFTARGET_SBML_SUITE to its folder",
)
def test_every_case_is_read_or_refused_by_name() -> None:
    read = refused = 0
    for case in sorted(path for path in SUITE.iterdir() if path.is_dir()):
        (path,) = [one for one in case.iterdir() if one.suffix == ".xml"][:1]
        try:
            read_model(path.read_text(encoding="utf-8"), where=case.name)
            read += 1
        except InputError as problem:
            assert str(problem).startswith(case.name)
            assert "\n" not in str(problem)
            refused += 1
    assert read > 100
    assert read + refused > 800
