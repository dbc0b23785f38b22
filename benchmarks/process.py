"""A simulator at a job in a process of its own: asked in lines of JSON, ended when it takes too long."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


class Gone(Exception):
    """The process ended, or was ended because it took too long; the text says which."""


class Process:
    """Started when it is first asked, and again after it had to be ended."""

    def __init__(self, simulator: str, folder: Path, cache: Path) -> None:
        self.simulator, self.folder, self.cache = simulator, folder, cache
        self.log = folder / f"{simulator}.log"
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    @property
    def idle(self) -> bool:
        """Whether it runs not yet, or no longer."""
        return self._process is None

    def ask(self, do: str, limit: float, **words: Any) -> dict[str, Any]:
        """Its answer, which must come within so many seconds."""
        process = self._process or self._start()
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps({"do": do, **words}) + "\n")
            process.stdin.flush()
        until = time.monotonic() + limit
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                self.end(kill=True)
                raise Gone(f"it took more than {limit:.0f} s") from None
            if line is None:
                self.end(kill=True)
                raise Gone(f"its process ended: {self._last_words()}")
            if line.startswith("@"):
                return dict(json.loads(line[1:]))

    def end(self, kill: bool = False) -> None:
        """Let it finish, or end it."""
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        """One thread whatever library it uses, on one processor."""
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        surroundings = {**os.environ, **threads, "JAX_PLATFORMS": "cpu", "BENCH_CACHE": str(self.cache),
                        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
                        "OFFTARGET_CACHE": str(self.cache), "BENCH_BEGUN": repr(time.time())}  # fmt: skip
        command = [sys.executable, str(HERE / "worker.py"), self.simulator, str(self.folder)]
        if hasattr(os, "sched_setaffinity"):
            one = max(os.sched_getaffinity(0))
            command = [sys.executable, "-c", f"import os, sys; os.sched_setaffinity(0, {{{one}}}); "
                       "os.execv(sys.argv[1], sys.argv[1:])", *command]  # fmt: skip
        process = subprocess.Popen(command, env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=self.log.open("w"), text=True)  # fmt: skip
        self._process, self._lines = process, queue.Queue()
        threading.Thread(target=_pass_on, args=(process, self._lines), daemon=True).start()
        return process

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"


def _pass_on(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout
    with contextlib.suppress(ValueError):
        for line in process.stdout:
            lines.put(line)
    lines.put(None)
