"""diffrax: JAX on one processor, patients side by side under vmap, compiled by XLA.

Doses and switches end a solve; the next one starts from its last state. Daily doses run in a ``lax.scan``.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise, product
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from work import Work

jax.config.update("jax_enable_x64", True)

NAME, VERSION = "diffrax", diffrax.__version__
HOW = ("float64, `vmap` over the best of several batch sizes, `jit`, one thread; expressions of parameters computed "
       "once; Tsit5, and Kvaerno5 where it is faster")  # fmt: skip
SOLVERS = {"Tsit5": diffrax.Tsit5, "Kvaerno5": diffrax.Kvaerno5}
BATCHES = (32, 128, 512, 2048)
#: A batch goes on until its slowest patient is there. Who needs more steps than this needs the implicit method.
MOST_STEPS = 16_384


class Simulator:
    """The compiled solve."""

    def __init__(self, work: Work) -> None:
        self.work, self.pieces = work, work.pieces()
        self.equations = work.equations(vars(jnp))
        self.ready: dict[Any, Any] = {}

    def settings(self) -> list[dict[str, Any]]:
        """Loosest first; batch sizes are tried at the end."""
        relative = [1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 1e-8]
        return [{"solver": s, "relative": r, "share": a, "batch": 128}
                for s, a, r in product(SOLVERS, [1e-6, 1e-8], relative)]  # fmt: skip

    def variants(self, setting: dict[str, Any]) -> list[dict[str, Any]]:
        """The same accuracy in other batches."""
        return [setting | {"batch": size} for size in BATCHES]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient."""
        solve, size = self._solver(setting["solver"]), min(setting["batch"], len(values))
        full = self.work.parameters_of(values)
        absolute = jnp.asarray(setting["relative"] * setting["share"] * self.work.scale)
        outs, failed, steps = [], [], 0.0
        for first in range(0, len(full), size):
            rows = full[first : first + size]
            short = size - len(rows)
            padded = np.concatenate([rows, np.repeat(rows[-1:], short, axis=0)]) if short else rows
            out, fine, count = jax.device_get(solve(jnp.asarray(padded), setting["relative"], absolute))
            outs.append(out[: len(rows)])
            failed.append(~fine[: len(rows)])
            steps += count[: len(rows)].sum()
        return np.concatenate(outs), np.concatenate(failed), steps / len(full)

    def _solver(self, name: str) -> Any:
        if name not in self.ready:
            one = self._dosed if self.work.doses else self._pieces
            self.ready[name] = jax.jit(jax.vmap(partial(one, SOLVERS[name]()), in_axes=(0, None, None)))
        return self.ready[name]

    def _solve(
        self, solver: Any, y: Any, p: Any, times: Any, begin: Any, end: Any, rtol: Any, atol: Any
    ) -> Any:
        s = self.equations["static"](p)
        term = diffrax.ODETerm(lambda t, y, _: jnp.stack(self.equations["rhs"](t, y, p, s)))
        return diffrax.diffeqsolve(
            term, solver, begin, end, None, y, max_steps=MOST_STEPS, throw=False, adjoint=diffrax.ForwardMode(),
            saveat=diffrax.SaveAt(ts=times), stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
        )  # fmt: skip

    def _start(self, p: Any) -> Any:
        return jnp.stack(self.equations["initial"](p, self.equations["static"](p)))

    def _pieces(self, solver: Any, p: Any, rtol: Any, atol: Any) -> Any:
        """Few events: the pieces written out."""
        y, outs, fine, steps = self._start(p), [], True, 0
        for piece in self.pieces:
            keep = np.array(piece.keep)
            found = self._solve(
                solver, y, p, jnp.array(piece.stops), piece.stops[0], piece.stops[-1], rtol, atol
            )
            outs.append(found.ys[keep])
            y, steps = found.ys[-1], steps + found.stats["num_steps"]
            fine = fine & (found.result == diffrax.RESULTS.successful)
            for name, value, _ in piece.then:
                p = p.at[self.work.parameters.index(name)].set(value)
        return jnp.concatenate(outs), fine, steps

    def _dosed(self, solver: Any, p: Any, rtol: Any, atol: Any) -> Any:
        """Many doses: one compiled interval, scanned. Each interval holds at most one output; without one, its end."""
        edges = np.array([time for time, *_ in self.work.doses] + [max(self.work.times[-1], 365.0)])
        asked = np.array([next((t for t in self.work.times if a < t <= b), b) for a, b in pairwise(edges)])
        row = [int(np.argmax(asked == t)) for t in self.work.times]
        _, name, amount = self.work.doses[0]
        dose = jnp.zeros(len(self.work.states)).at[self.work.states.index(name)].set(amount)

        def interval(carry: Any, at: Any) -> Any:
            y, fine, steps = carry
            begin, end, look = at
            found = self._solve(solver, y + dose, p, jnp.stack([look, end]), begin, end, rtol, atol)
            fine = fine & (found.result == diffrax.RESULTS.successful)
            return (found.ys[-1], fine, steps + found.stats["num_steps"]), found.ys[0]

        xs = (jnp.asarray(edges[:-1]), jnp.asarray(edges[1:]), jnp.asarray(asked))
        (_, fine, steps), outs = jax.lax.scan(interval, (self._start(p), jnp.array(True), 0), xs)
        return outs[jnp.array(row)], fine, steps
