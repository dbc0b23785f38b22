"""diffrax: JAX on one processor, patients side by side under vmap, compiled by XLA.

States are a tuple of numbers in units of their usual size: side by side each is a row, which XLA takes in half the time
of one array of all. A batch goes on until its slowest patient is there, so that one stiff patient keeps all others
waiting. Who is not there after so many steps is therefore left for a batch of such patients, first with the same method
and more steps, then with an implicit one.
Doses and switches end a solve; the next one starts from its last state. Daily doses run in a ``lax.scan``.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import pairwise
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from work import Work

jax.config.update("jax_enable_x64", True)
if "BENCH_CACHE" in os.environ:
    jax.config.update("jax_compilation_cache_dir", os.environ["BENCH_CACHE"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

NAME, VERSION = "diffrax", diffrax.__version__
HOW = ("float64, `jit` over `vmap` in the best of several batch sizes, JAX's cache of compiled code; expressions of "
       "parameters computed once; `Tsit5`, `Kvaerno5` (with a PI controller, which halves its steps), or both: "
       "patients who need many steps leave their batch for one of their own, and at last for `Kvaerno5`")  # fmt: skip
Solve = Any
#: (method, most steps between events): whoever needs more is passed on.
PLANS = {
    "Tsit5, then Kvaerno5": (("Tsit5", 512), ("Tsit5", 4096), ("Kvaerno5", 65_536)),
    "Tsit5": (("Tsit5", 16_384),),
    "Kvaerno5": (("Kvaerno5", 65_536),),
}
SOLVERS = {
    "Tsit5": (diffrax.Tsit5, {}),
    "Kvaerno5": (diffrax.Kvaerno5, {"pcoeff": 0.3, "icoeff": 0.3, "dcoeff": 0.0}),
}
BATCHES = (64, 256, 1024)


class Simulator:
    """The compiled solves."""

    def __init__(self, work: Work) -> None:
        self.work, self.pieces = work, work.pieces()
        self.equations = work.equations(vars(jnp))
        self.ready: dict[Any, Solve] = {}

    def groups(self) -> list[dict[str, Any]]:
        """Batch sizes are tried at the end."""
        return [{"solver": plan, "share": share, "batch": 256} for plan in PLANS for share in (1e-6, 1e-8)]

    def variants(self, setting: dict[str, Any]) -> list[dict[str, Any]]:
        """The same accuracy in other batches."""
        return [setting | {"batch": size} for size in BATCHES]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient."""
        full = self.work.parameters_of(values)
        out = np.full((len(full), self.work.times.size, len(self.work.states)), np.nan)
        left, steps = np.arange(len(full)), 0.0
        for method, most in PLANS[setting["solver"]]:
            there = []
            for first in range(0, left.size, setting["batch"]):
                rows = left[first : first + setting["batch"]]
                found, fine, count = self._batch(method, most, full[rows], setting)
                out[rows[fine]] = found[fine]
                there.append(fine)
                steps += count.sum()
            left = left[~np.concatenate(there)] if there else left
        failed = np.zeros(len(full), bool)
        failed[left] = True
        return out, failed, steps / len(full)

    def _batch(self, method: str, most: int, rows: np.ndarray, setting: dict[str, Any]) -> Any:
        """Padded to a power of two, so that few shapes are compiled."""
        size = min(setting["batch"], 1 << (len(rows) - 1).bit_length())
        padded = np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)])
        relative = setting["relative"]
        found = self._solver(method, most)(jnp.asarray(padded), relative, relative * setting["share"])
        return (part[: len(rows)] for part in jax.device_get(found))

    def _solver(self, method: str, most: int) -> Solve:
        if (method, most) not in self.ready:
            one = partial(self._dosed if self.work.doses else self._pieces, method, most)
            self.ready[method, most] = jax.jit(jax.vmap(one, in_axes=(0, None, None)))
        return self.ready[method, most]

    def _solve(self, method: str, most: int, y: Any, p: Any, times: Any, rtol: Any, atol: Any) -> Any:
        s, size = self.equations["static"](p), self.work.scale
        make, controller = SOLVERS[method]

        def slope(t: Any, y: Any, _: Any) -> Any:
            right = self.equations["rhs"](t, tuple(v * u for v, u in zip(y, size, strict=True)), p, s)
            return tuple(jnp.asarray(v) / u for v, u in zip(right, size, strict=True))

        return diffrax.diffeqsolve(
            diffrax.ODETerm(slope), make(), times[0], times[-1], None, y, max_steps=most, throw=False,
            adjoint=diffrax.ForwardMode(), saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol, **controller),
        )  # fmt: skip

    def _start(self, row: Any) -> tuple[Any, Any]:
        p = tuple(row[i] for i in range(row.shape[0]))
        initial = self.equations["initial"](p, self.equations["static"](p))
        return p, tuple(jnp.asarray(v, float) / u for v, u in zip(initial, self.work.scale, strict=True))

    def _pieces(self, method: str, most: int, row: Any, rtol: Any, atol: Any) -> Any:
        """Few events: the pieces written out."""
        (p, y), outs, fine, steps = self._start(row), [], True, 0
        for piece in self.pieces:
            found = self._solve(method, most, y, p, jnp.array(piece.stops), rtol, atol)
            outs.append(jnp.stack(found.ys, axis=-1)[np.array(piece.keep)])
            y, steps = tuple(v[-1] for v in found.ys), steps + found.stats["num_steps"]
            fine = fine & (found.result == diffrax.RESULTS.successful)
            for name, value, _ in piece.then:
                i = self.work.parameters.index(name)
                p = (*p[:i], jnp.asarray(value), *p[i + 1 :])
        return jnp.concatenate(outs) * self.work.scale, fine, steps

    def _dosed(self, method: str, most: int, row: Any, rtol: Any, atol: Any) -> Any:
        """Many doses: one compiled interval, scanned. Each interval holds at most one output; without one, its end."""
        edges = np.array([time for time, *_ in self.work.doses] + [max(self.work.times[-1], 365.0)])
        asked = np.array([next((t for t in self.work.times if a < t <= b), b) for a, b in pairwise(edges)])
        rows = [int(np.argmax(asked == t)) for t in self.work.times]
        _, name, amount = self.work.doses[0]
        dosed = self.work.states.index(name)
        dose = amount / self.work.scale[dosed]
        p, start = self._start(row)

        def interval(carry: Any, at: Any) -> Any:
            y, fine, steps = carry
            y = (*y[:dosed], y[dosed] + dose, *y[dosed + 1 :])
            found = self._solve(method, most, y, p, at, rtol, atol)
            fine = fine & (found.result == diffrax.RESULTS.successful)
            end = tuple(v[-1] for v in found.ys)
            return (end, fine, steps + found.stats["num_steps"]), jnp.stack([v[1] for v in found.ys])

        stops = jnp.stack([jnp.asarray(part) for part in (edges[:-1], asked, edges[1:])], axis=1)
        (_, fine, steps), outs = jax.lax.scan(interval, (start, jnp.array(True), 0), stops)
        return outs[jnp.array(rows)] * self.work.scale, fine, steps
