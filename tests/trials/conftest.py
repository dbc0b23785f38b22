"""Small trials: short enough to run many times, with everything a large one has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from offtarget.trials.study import trial_from_record
from offtarget.trials.trial import Trial

STOP = {
    "title": "Stop early",
    "model": "cml",
    "population": "cml_newly_diagnosed",
    "horizon": "5 years",
    "visits": "every 3 months",
    "arm": [
        {
            "name": "stop",
            "regimen": "400 mg imatinib every 24 h",
            "rule": [
                {"when": "MMR held 6 months", "then": "stop imatinib", "visits": "every 1 month"},
                {"when": "MMR lost", "then": "400 mg imatinib every 24 h"},
            ],
        },
        {"name": "go on", "regimen": "400 mg imatinib every 24 h"},
    ],
    "endpoint": [
        {
            "name": "free",
            "from": "stop imatinib",
            "event": "MMR lost",
            "report_at": ["6 months", "12 months"],
        },
        {"name": "MMR by", "measure": "reached by", "event": "MMR", "report_at": ["12 months", "24 months"]},
        {"name": "MMR at", "measure": "at visit", "event": "MMR", "report_at": ["12 months"]},
    ],
}


@pytest.fixture
def make_trial() -> Callable[..., Trial]:
    """A small stopping trial; keyword arguments replace top-level keys of its study."""

    def make(**changes: Any) -> Trial:
        return trial_from_record({**STOP, **changes}, id="small", where="small.toml")

    return make


@pytest.fixture
def stop_arms() -> list[dict[str, Any]]:
    """The arms of the small trial, to build others from."""
    return list(STOP["arm"])  # type: ignore[call-overload]
