"""Promises of the command line: words in, exit codes out; JSON when asked; a stop leaves something readable."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from offtarget import cli
from offtarget.catalog import ids

STUDY = """
based_on = "stim1"
horizon = "4 years"
published = []

[[arm]]
name = "imatinib, then stop"
regimen = "400 mg imatinib every 24 h"
[[arm.rule]]
when = "MMR held 6 months"
then = "stop imatinib"

[[endpoint]]
name = "free"
from = "stop imatinib"
event = "MMR lost"
report_at = ["6 months"]
"""
KINDS = ("drug", "mechanism", "model", "population", "target", "trial")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def _run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["offtarget", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr()
    code = left.value.code
    return (code if isinstance(code, int) else 0), said.out, said.err


def test_a_run_and_its_replay_agree(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    code, said, _ = _run(capsys, monkeypatch, "trial", study, "--patients", 20, "--seed", 3, "--out", out)
    assert code == 0
    assert "Simulated %" in said
    assert "report.html" in said
    assert (out / "report.html").is_file()
    code, said, _ = _run(capsys, monkeypatch, "replay", out, "--threads", 1, "--json")
    assert code == 0
    assert json.loads(said)["same"] is True
    kept = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(kept | {"seed": 4}))
    code, said, err = _run(capsys, monkeypatch, "replay", out)
    assert code == 3
    assert "ANOTHER" in said
    assert err.strip().splitlines()[-1].startswith("offtarget: replay: expected the digest")


def test_json_is_json_and_nothing_else(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("trial", study, "--patients", 10, "--out", tmp_path / "out", "--no-report", "--json")
    code, said, err = _run(capsys, monkeypatch, *words)
    assert (code, err) == (0, "")
    found = json.loads(said)
    assert found["patients"] == 10
    assert found["report"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_can_be_listed_shown_and_cited(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ids(f"{kind}s")
    assert names
    code, said, _ = _run(capsys, monkeypatch, "list", kind, "--json")
    assert code == 0
    assert json.loads(said) == {kind: list(names)}
    for name in names:
        code, said, _ = _run(capsys, monkeypatch, "show", kind, name)
        assert code == 0
        assert said.startswith("# ")
        assert "offtarget." not in said  # no Python object shows through
        code, said, _ = _run(capsys, monkeypatch, "show", kind, name, "--json")
        assert code == 0
        assert json.loads(said)
        code, said, _ = _run(capsys, monkeypatch, "cite", kind, name, "--json")
        assert code == 0
        assert json.loads(said), f"{kind} {name} names no source"


def test_the_clones_a_drug_holds_are_shown_and_cited(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said, _ = _run(capsys, monkeypatch, "show", "clones", "imatinib")
    assert code == 0
    assert "| T315I |" in said and "offtarget." not in said
    code, said, _ = _run(capsys, monkeypatch, "show", "clones", "imatinib", "--json")
    assert code == 0
    assert {row["clone"]: row["held"]["400 mg"] for row in json.loads(said)["rows"]}["T315I"] is False
    code, said, _ = _run(capsys, monkeypatch, "cite", "clones", "imatinib")
    assert code == 0
    assert "[leighow2020]" in said


@pytest.mark.parametrize(
    "words", [("--nonsense",), ("trial",), ("trial", "stim1", "--patients", "many"), ("fly",)]
)
def test_words_that_are_no_command_are_usage(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = _run(capsys, monkeypatch, *words)
    assert code == 2
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [
        ("show", "drug", "imatinb"),
        ("show", "clones", "imatinb"),
        ("list", "clones"),
        ("list", "dogs"),
        ("cite", "model", "cm"),
        ("replay", "x"),
    ],
)
def test_names_that_do_not_exist_are_one_sentence_and_exit_3(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = _run(capsys, monkeypatch, *words)
    assert code == 3
    assert len(err.strip().splitlines()) == 1


def test_too_many_failed_patients_are_exit_4_and_their_results_are_kept(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("offtarget.trials.run")
    enrol = module.enrol

    def poisoned(*a: object, **k: object) -> object:
        cohort = enrol(*a, **k)
        growth = np.where(cohort.patients < 3, np.nan, cohort.column("growth"))
        return cohort.with_columns({"growth": growth}, {})

    monkeypatch.setattr(module, "enrol", poisoned)
    out = tmp_path / "out"
    words = ("trial", study, "--patients", 20, "--out", out)
    code, said, err = _run(capsys, monkeypatch, *words)
    assert code == 4
    assert "3 of 20" in err
    assert "3 failed" in said
    assert (
        json.loads((out / "manifest.json").read_text())["statuses"]["imatinib, then stop"]["not_finite"] == 3
    )
    code, _, _ = _run(capsys, monkeypatch, *words, "--max-failed", 0.2)
    assert code == 0


def test_help_is_quick_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['offtarget', '--help']\n"
        "from offtarget import cli\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'numba', 'numpy', 'scipy', 'libsbml', 'antimony', 'sympy', 'altair', 'pandas', 'pint', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"
    assert "replay" in found.stdout


def test_a_replay_names_what_has_changed_even_where_it_made_no_difference(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    _run(capsys, monkeypatch, "trial", study, "--patients", 5, "--out", out, "--no-report")
    manifest = out / "manifest.json"
    kept = json.loads(manifest.read_text())
    kept["versions"]["numpy"] = "1.0"
    kept["inputs"]["drug imatinib"] = "0" * 16
    manifest.write_text(json.dumps(kept))
    code, said, _ = _run(capsys, monkeypatch, "replay", out, "--json")
    assert code == 0
    assert [line.split()[0] for line in json.loads(said)["changed"]] == ["numpy", "drug"]
    manifest.write_text(json.dumps(kept | {"digest_outputs": "0" * 64}))
    code, said, err = _run(capsys, monkeypatch, "replay", out)
    assert code == 3
    assert "the same outcomes, OTHER outputs" in said
    assert "numpy 1.0" in err


@pytest.mark.parametrize("taken", ["report.html", "figures"])
def test_a_report_that_cannot_be_written_is_one_sentence_and_the_results_stay(
    taken: str,
    study: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    module = importlib.import_module("offtarget.reports.report")
    write = module.write_report

    def hindered(result: object, folder: Path) -> Path:
        (folder / taken).write_text("in the way") if taken == "figures" else (folder / taken).mkdir()
        return write(result, folder)

    monkeypatch.setattr(module, "write_report", hindered)
    code, _, err = _run(capsys, monkeypatch, "trial", study, "--patients", 5, "--out", out)
    assert code == 3
    assert taken in err.strip().splitlines()[-1]
    assert json.loads((out / "manifest.json").read_text())["complete"] is True


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_the_table_is_printed_in_any_encoding_with_its_signs(
    encoding: str, study: Path, tmp_path: Path
) -> None:
    words = [
        "-m",
        "offtarget",
        "trial",
        "spirit_imatinib",
        "--patients",
        "5",
        "--out",
        str(tmp_path / "out"),
        "--no-report",
    ]
    found = subprocess.run(
        [sys.executable, *words], capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding}
    )
    assert found.returncode == 0, found.stderr
    told = found.stdout.decode(encoding)
    assert "?" not in told
    assert ("−" in told) == (encoding == "utf-8")  # and a hyphen elsewhere


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell that can close a stream")
@pytest.mark.parametrize("closing", [">&-", "2>&-"])
def test_a_closed_stream_is_no_fault(closing: str) -> None:
    found = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m offtarget list {closing}'], capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_standard_output_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "offtarget", "list", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert found.returncode == 3
    assert found.stderr.startswith("offtarget: standard output: ")
    assert len(found.stderr.strip().splitlines()) == 1


def test_control_c_keeps_the_patients_that_every_arm_has_finished(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second Ctrl-C, and the third while results are written, cost nothing."""
    module = importlib.import_module("offtarget.trials.run")
    store = importlib.import_module("offtarget.trials.store")
    enrol, table = module.enrol, store.endpoint_table

    def enrolled(*a: object, first: int, **k: object) -> object:
        if first >= 2000:
            signal.raise_signal(signal.SIGINT)
        return enrol(*a, first=first, **k)

    def tabled(*a: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return table(*a)

    monkeypatch.setattr(module, "enrol", enrolled)
    monkeypatch.setattr(store, "endpoint_table", tabled)
    monkeypatch.setattr(module, "_account", _twice(module._account))
    out = tmp_path / "out"
    words = ("trial", study, "--patients", 3000, "--out", out, "--no-report")
    code, _, err = _run(capsys, monkeypatch, *words)
    assert code == 130
    assert "2000 of 3000" in err
    kept = json.loads((out / "manifest.json").read_text())
    assert (kept["patients"], kept["planned"], kept["complete"]) == (2000, 3000, False)


def _twice(function: Callable[..., object]) -> Callable[..., object]:
    """The function, with a Ctrl-C before it."""

    def interrupted(*a: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return function(*a)

    return interrupted


def test_control_c_in_the_report_says_where_the_results_are(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = importlib.import_module("offtarget.reports.report")
    monkeypatch.setattr(report, "write_report", _twice(report.write_report))
    out = tmp_path / "out"
    code, _, err = _run(capsys, monkeypatch, "trial", study, "--patients", 5, "--out", out)
    assert code == 130
    assert str(out) in err
    assert not (out / "report.html").exists()
    assert json.loads((out / "manifest.json").read_text())["complete"] is True


def test_control_c_after_the_last_patient_keeps_the_results_and_stops(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("offtarget.trials.run")
    monkeypatch.setattr(module, "_account", _once(module._account))
    out = tmp_path / "out"
    code, said, err = _run(capsys, monkeypatch, "trial", study, "--patients", 5, "--out", out)
    assert code == 130
    assert "the results are complete" in err
    assert "Simulated %" in said
    assert json.loads((out / "manifest.json").read_text())["complete"] is True
    assert not (out / "report.html").exists()


def _once(function: Callable[..., object]) -> Callable[..., object]:
    """The function, with a Ctrl-C before its first call."""
    calls: list[object] = []

    def interrupted(*a: object) -> object:
        calls.append(a)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return function(*a)

    return interrupted


def test_control_c_while_python_is_still_loading_is_quiet() -> None:
    code = (
        "import sys, builtins\n"
        "from offtarget.__main__ import main\n"
        "def stop(*_):\n    raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, type('Stop', (), {'find_spec': staticmethod(stop)}))\n"
        "main()"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (130, "Cancelled.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to another process")
def test_control_c_from_outside_leaves_a_partial_result_and_exit_130(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = (
        "import sys\nimport offtarget.trials.run\nmodule = sys.modules['offtarget.trials.run']\n"
        "enrol = module.enrol\n"
        "def told(*a, first, **k):\n"
        "    print('enrolling', first, file=sys.stderr, flush=True)\n"
        "    return enrol(*a, first=first, **k)\n"
        "module.enrol = told\n"
        f"sys.argv = ['offtarget', 'trial', 'stim1', '--patients', '2000000', '--out', {str(out)!r}, '--no-report']\n"
        "from offtarget.__main__ import main\nmain()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("enrolling 1000"):
            break
    running.send_signal(signal.SIGINT)
    said, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    kept = json.loads((out / "manifest.json").read_text())
    assert kept["complete"] is False
    assert 1000 <= kept["patients"] < kept["planned"] == 2_000_000
    assert str(kept["patients"]) in said
