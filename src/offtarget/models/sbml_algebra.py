"""Algebraic rules."""

from __future__ import annotations

from offtarget.errors import UnsupportedError
from offtarget.models.sbml_source import Source

__all__ = ["solved"]


def solved(source: Source, where: str) -> Source:
    """The document with algebraic rules solved."""
    if source.algebraic:
        raise UnsupportedError(f"{where}: algebraic rules: not supported yet. Nothing was simulated.")
    return source
