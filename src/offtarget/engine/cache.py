"""Compiled kernels on disk: found by what they were made from, trusted only when every byte is as it was written.

A kernel is a folder: the generated module, the machine code that numba stores beside it, and a manifest of their
SHA-256 digests. It is built in a folder of its own and renamed into place, so that no process ever sees half of it;
two processes that build the same one at once both succeed. Anything that does not agree with its manifest is thrown
away and built again.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import hashlib
import importlib
import importlib.machinery
import json
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from offtarget.errors import short
from offtarget.evidence import digest

__all__ = ["folder", "key", "load"]

_MODULE, _MANIFEST, _COMPILED = "kernel.py", "manifest.json", "__pycache__"
#: How many kernels the cache holds on to.
_KEPT = 200
_LOCK = threading.RLock()
_LOADED: dict[str, ModuleType] = {}


def folder() -> Path:
    """Where kernels are kept: ``$OFFTARGET_CACHE``, else the place the operating system has for caches."""
    chosen = os.environ.get("OFFTARGET_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "offtarget" / "kernels"


@lru_cache(maxsize=1)
def _surroundings() -> tuple[str, ...]:
    """Everything besides the model that the machine code depends on."""
    import numba

    llvm: Any = importlib.import_module("llvmlite")
    machine: Any = importlib.import_module("llvmlite.binding")

    here = Path(__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in sorted(here.glob("*.py"))]
    features = str(machine.get_host_cpu_features().flatten())
    return (numba.__version__, llvm.__version__, platform.python_version(), platform.machine(), sys.platform,
            machine.get_host_cpu_name(), features, digest(*sources))  # fmt: skip


def key(text: str, outputs: tuple[str, ...]) -> str:
    """The name of a kernel: a digest of the model's text, the outputs, this engine, the compiler and the machine."""
    return digest(text, json.dumps(outputs), *_surroundings())


def load(name: str, write: Callable[[], str]) -> ModuleType:
    """The compiled module of this name, from memory, from disk, or built now.

    Args:
        name: what ``key`` gave.
        write: returns the module's text; called only when there is nothing to load.
    """
    with _LOCK:
        if name not in _LOADED:
            _LOADED[name] = _from_disk(name, write)
        return _LOADED[name]


def _from_disk(name: str, write: Callable[[], str]) -> ModuleType:
    try:
        place = folder() / name
        if _intact(place):
            with contextlib.suppress(OSError):
                os.utime(place)  # used: the last to be tidied away
            return _open(place, name)
    except (OSError, RuntimeError):  # RuntimeError: a home folder that cannot be found
        pass
    text = write()
    try:
        return _build(folder(), name, text)
    except (OSError, RuntimeError) as problem:  # nowhere to write, or no space: compile for this process only
        then = "Every run compiles it again. Set OFFTARGET_CACHE to a folder that can be written."
        warnings.warn(
            f"the compiled model cannot be kept on disk ({short(str(problem), 200)}). {then}", stacklevel=2
        )
        return _build(_passing(), name, text)


def _open(place: Path, name: str) -> ModuleType:
    """Load a kernel that is intact. From a folder that cannot be written, numba would not load: copy it first."""
    if not os.access(place / _COMPILED, os.W_OK):
        copy = _passing() / name
        shutil.copytree(place, copy)
        place = copy
    return _execute(place, name)


def _passing() -> Path:
    """A folder that goes when the process does."""
    place = tempfile.mkdtemp(prefix="offtarget-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return Path(place)


def _build(base: Path, name: str, text: str) -> ModuleType:
    base.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{name[:16]}-", dir=base))
    try:
        (place / _MODULE).write_text(text, encoding="utf-8")
        with _no_collection():
            module = _execute(place, name)
        _seal(place)
        if _publish(place, base / name):
            module.__file__ = str(base / name / _MODULE)
        _tidy(base)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return module


def _execute(place: Path, name: str) -> ModuleType:
    """Run the module's text. It has to be in ``sys.modules`` first: numba's cache looks it up there."""
    path = place / _MODULE
    title = f"offtarget_kernel_{name[:24]}"
    module = ModuleType(title)
    module.__file__ = str(path)
    module.__spec__ = importlib.machinery.ModuleSpec(title, None, origin=str(path))
    sys.modules[title] = module
    try:
        with _compiler_settings():
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[title]
        raise
    return module


@contextlib.contextmanager
def _compiler_settings() -> Iterator[None]:
    """Numba's settings for a kernel, whatever the environment says.

    The machine code belongs beside the module. Loops over a handful of species are slower as vectors: the slopes of a
    stage, just written one by one, would be read back in pairs before they have arrived.
    """
    config: Any = importlib.import_module("numba").config
    wanted = {"CACHE_DIR": "", "LOOP_VECTORIZE": 0}
    before = {name: getattr(config, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(config, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(config, name, value)


def _files(place: Path) -> dict[str, str]:
    """The digest of every file of a kernel but the manifest."""
    found = {}
    for path in sorted(place.rglob("*")):
        if path.is_file() and path.name != _MANIFEST:
            found[path.relative_to(place).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _seal(place: Path) -> None:
    (place / _MANIFEST).write_text(json.dumps(_files(place), indent=1, sort_keys=True), encoding="utf-8")


def _intact(place: Path) -> bool:
    """Whether a kernel's files are exactly those of its manifest, to the byte."""
    try:
        expected = json.loads((place / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(expected, dict) and len(expected) >= 3 and expected == _files(place)


def _tidy(base: Path) -> None:
    """Keep the kernels used last; an engine that changes leaves its old ones behind, a killed process half of one."""
    found = []
    for path in base.iterdir():
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, path))
    found.sort(reverse=True)
    for age, path in found:
        abandoned = path.name.startswith(".") and age < time.time() - 86400
        if abandoned or (age, path) in found[_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Compilation makes millions of objects that stay: looking for garbage among them takes an eighth of its time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _publish(place: Path, final: Path) -> bool:
    """Put a finished kernel in its place; when another process was faster, its kernel is as good."""
    if final.exists() and not _intact(final):
        shutil.rmtree(final, ignore_errors=True)
    with contextlib.suppress(OSError):
        place.rename(final)
    return _intact(final)
