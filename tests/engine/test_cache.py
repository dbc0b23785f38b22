"""Compiled kernels on disk: reused by later processes, never trusted when a byte is off, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from offtarget.engine import cache

TEXT = '''"""A kernel small enough to compile in an instant."""
from numba import njit

@njit("float64(float64)", cache=True)
def advance(x):
    """Twice as much."""
    return 2.0 * x
'''


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a process that remembers nothing."""
    monkeypatch.setenv("OFFTARGET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_LOADED", {})
    return tmp_path / "cache"


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make this process as ignorant as a new one."""
    return lambda: monkeypatch.setattr(cache, "_LOADED", {})


def written() -> str:
    return TEXT


def refuse() -> str:
    raise AssertionError("the text was written again")


def files(place: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(p.relative_to(place)): (p.stat().st_mtime_ns, p.read_bytes())
        for p in place.rglob("*")
        if p.is_file()
    }


def test_a_kernel_is_written_once_and_then_read(place: Path, forget: Callable[[], None]) -> None:
    module = cache.load("a" * 64, written)
    assert module.advance(21.0) == 42.0
    before = files(place)
    assert {Path(name).suffix for name in before} == {".py", ".json", ".nbi", ".nbc"}
    forget()
    again = cache.load("a" * 64, refuse)
    assert again is not module
    assert again.advance(4.0) == 8.0
    assert sum(again.advance.stats.cache_hits.values()) == 1
    assert files(place) == before


def test_within_a_process_a_kernel_is_loaded_once(place: Path) -> None:
    assert cache.load("a" * 64, written) is cache.load("a" * 64, refuse)


@pytest.mark.parametrize("suffix", [".py", ".nbi", ".nbc", ".json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "empty"])
def test_a_damaged_kernel_is_built_again(
    place: Path, forget: Callable[[], None], suffix: str, damage: str
) -> None:
    cache.load("b" * 64, written)
    (victim,) = [path for path in place.rglob(f"*{suffix}") if path.is_file()]
    raw = victim.read_bytes()
    middle = len(raw) // 2
    new = {
        "cut": raw[:middle],
        "flipped": raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :],
        "empty": b"",
    }
    victim.unlink() if damage == "gone" else victim.write_bytes(new[damage])
    forget()
    assert cache.load("b" * 64, written).advance(1.5) == 3.0
    assert cache._intact(place / ("b" * 64))
    forget()
    assert cache.load("b" * 64, refuse).advance(1.5) == 3.0


def test_a_file_that_does_not_belong_is_not_trusted(place: Path, forget: Callable[[], None]) -> None:
    cache.load("b" * 64, written)
    (place / ("b" * 64) / "__pycache__" / "more.nbc").write_bytes(b"x")
    forget()
    assert cache.load("b" * 64, written).advance(1.0) == 2.0


def test_half_a_kernel_left_by_a_killed_process_does_no_harm(place: Path) -> None:
    (place / ("c" * 64)).mkdir(parents=True)
    (place / ("c" * 64) / "kernel.py").write_text("raise SystemExit('half')")
    assert cache.load("c" * 64, written).advance(1.0) == 2.0
    assert cache._intact(place / ("c" * 64))


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: Callable[[], None]
) -> None:
    forget()
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("")
    monkeypatch.setenv("OFFTARGET_CACHE", str(blocked / "cache"))
    with pytest.warns(UserWarning, match="compiles it again"):
        assert cache.load("d" * 64, written).advance(1.0) == 2.0
    assert blocked.read_text() == ""


def test_what_is_compiled_for_one_process_goes_with_it(tmp_path: Path) -> None:
    blocked, passing = tmp_path / "a file, not a folder", tmp_path / "passing"
    blocked.write_text("")
    passing.mkdir()
    text = "from numba import njit\n\n\n@njit('f8(f8)', cache=True)\ndef advance(x):\n    return x + 1\n"
    code = f"from offtarget.engine import cache; print(cache.load('f' * 64, lambda: {text!r}).advance(1.0))"
    places = {"OFFTARGET_CACHE": str(blocked / "cache"), "TMPDIR": str(passing), "TMP": str(passing)}
    found = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | places, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "2.0"
    assert not list(passing.iterdir())


def test_a_text_that_does_not_compile_leaves_nothing_behind(place: Path) -> None:
    with pytest.raises(NameError):
        cache.load("e" * 64, lambda: "nonsense")
    assert files(place) == {}
    assert not [name for name in sys.modules if name.startswith("offtarget_kernel_eeee")]


def test_numbas_own_cache_folder_is_left_as_it_was(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "elsewhere"))
    cache.load("f" * 64, written)
    assert str(tmp_path / "elsewhere") == numba.config.CACHE_DIR
    assert not (tmp_path / "elsewhere").exists()
    assert cache._intact(place / ("f" * 64))


def test_the_kernels_used_longest_ago_make_room(
    place: Path, monkeypatch: pytest.MonkeyPatch, forget: Callable[[], None]
) -> None:
    monkeypatch.setattr(cache, "_KEPT", 2)
    for age, letter in ((300, "1"), (200, "2")):
        cache.load(letter * 64, written)
        os.utime(place / (letter * 64), (1e9 - age, 1e9 - age))
    forget()
    cache.load("1" * 64, refuse)  # used again
    (place / ".half").mkdir()
    os.utime(place / ".half", (1e9, 1e9))
    cache.load("3" * 64, written)
    assert sorted(path.name[0] for path in place.iterdir()) == ["1", "3"]


SCRIPT = """
import sys
from offtarget.engine import cache
text = open(sys.argv[1]).read()
module = cache.load("9" * 64, lambda: text)
assert module.advance(3.0) == 6.0
print(sum(module.advance.stats.cache_hits.values()))
"""


def start(tmp_path: Path) -> subprocess.Popen[str]:
    (tmp_path / "text.py").write_text(TEXT)
    environment = {**os.environ, "OFFTARGET_CACHE": str(tmp_path / "cache")}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "text.py")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_may_compile_at_once_and_a_third_reuses_their_work(tmp_path: Path) -> None:
    both = [start(tmp_path), start(tmp_path)]
    assert [process.communicate(timeout=120)[1] for process in both] == [None, None]
    assert [process.returncode for process in both] == [0, 0]
    before = files(tmp_path / "cache")
    third = start(tmp_path)
    assert third.communicate(timeout=120)[0].strip() == "1"
    assert files(tmp_path / "cache") == before
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_the_name_of_a_kernel_depends_on_all_it_is_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    name = cache.key("model", ("x", "y"))
    assert len(name) == 64
    assert name == cache.key("model", ("x", "y"))
    assert name != cache.key("model ", ("x", "y"))
    assert name != cache.key("model", ("y", "x"))
    monkeypatch.setattr(cache, "_surroundings", lambda: ("another compiler",))
    assert name != cache.key("model", ("x", "y"))


def test_a_kernel_from_the_cache_needs_neither_the_generator_nor_sympy(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import conftest as c\n"
        "from offtarget.engine.ensemble import build\n"
        "build(c.WINDOW)\n"
        "print([name for name in ('offtarget.engine.codegen', 'sympy', 'pint') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    subprocess.run(command, check=True)
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert out.strip() == "[]"


DECAYS = """
import sys
import numpy as np
from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.engine.ensemble import build, simulate
from offtarget.models.sbml import read_model

nobody = Cohort(np.array([0], np.uint64), {}, {})
for n in map(int, sys.argv[1:]):
    lines = [f"x{i} = 1; x{i}' = -{n} * x{i} + {i} * (x0 - x0);" for i in range(n)]
    model = read_model(f"model *decay{n}()\\n" + "\\n".join(lines) + "\\nend", where="decay")
    found = simulate(build(model), nobody, Schedule.empty(1), times=np.array([1.0]), tolerance=1e-9)
    print(n, *(abs(value / np.exp(-n) - 1) < 1e-6 for value in found.values[0, 0]))
"""


def test_kernels_from_several_processes_do_not_share_each_other_s_code(tmp_path: Path) -> None:
    """Each is compiled in a process of its own, where numba counts functions alike; then one process loads them all."""
    environment = {**os.environ, "OFFTARGET_CACHE": str(tmp_path / "cache")}

    def run(*sizes: str) -> str:
        command = [sys.executable, "-c", DECAYS, *sizes]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    for size in ("1", "2", "3"):
        run(size)
    assert run("1", "2", "3").split() == ["1", "True", "2", "True", "True", "3", "True", "True", "True"]
