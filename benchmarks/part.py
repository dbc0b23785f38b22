"""A part of a lock file: a package and what it needs, with their hashes.

python part.py requirements.txt diffrax
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def part(text: str, package: str) -> str:
    """The entries of the package and of everything it pulls in, as the file's ``via`` comments tell."""
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"\A(#.*\n|\s)*", "", text))
    needs: dict[str, list[str]] = {}
    for entry in entries:
        name, _, notes = entry.partition("==")
        for by in re.findall(r"^\s+#\s+(?:via\s+)?([\w.-]+)\s*$", notes, flags=re.MULTILINE):
            needs.setdefault(by, []).append(name)
    wanted, waiting = set(), [package]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += needs.get(name, [])
    return "\n".join(entry for entry in entries if entry.partition("==")[0] in wanted) + "\n"


if __name__ == "__main__":
    print(part(Path(sys.argv[1]).read_text(encoding="utf-8"), sys.argv[2]), end="")
