"""A study's tables as TOML text: the other direction of reading one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["write_toml"]


def write_toml(record: Mapping[str, Any]) -> str:
    """A mapping of texts, numbers, flags, lists and tables as TOML that reads back to the same mapping."""
    return "\n".join(_toml_lines(record, ())) + "\n"


def _toml_lines(record: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {key: value for key, value in record.items() if _is_table(value) or _is_tables(value)}
    for key, value in record.items():
        if key not in inner:
            yield f"{_toml_key(key)} = {_toml_value(value)}"
    for key, value in inner.items():
        here = (*path, key)
        dotted = ".".join(_toml_key(part) for part in here)
        for item in value if _is_tables(value) else (value,):
            yield ""
            yield f"[[{dotted}]]" if _is_tables(value) else f"[{dotted}]"
            yield from _toml_lines(item, here)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_table(item) for item in value)


def _toml_key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return repr(value)
