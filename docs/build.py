"""The reference pages: every entry of the catalogue, printed by the same code as ``offtarget show``.

Writes ``docs/reference/``: a page an entry and an index. Ends with exit code 1 when there was nothing to write.
"""

from __future__ import annotations

import sys
from pathlib import Path

from offtarget.catalog import KINDS, ids
from offtarget.reports.pages import load, page

REFERENCE = Path(__file__).parent / "reference"


def main() -> int:
    """Write the pages and say how many."""
    index = ["# The catalogue", ""]
    pages = 0
    for kind in KINDS:
        singular = kind.removesuffix("s")
        index += [f"## {kind.capitalize()}", ""]
        (REFERENCE / kind).mkdir(parents=True, exist_ok=True)
        for name in ids(kind):
            text = page(load(singular, name))
            (REFERENCE / kind / f"{name}.md").write_text(text.rstrip() + "\n", encoding="utf-8")
            index.append(f"- [{name}]({kind}/{name}.md)")
            pages += 1
        index.append("")
    (REFERENCE / "README.md").write_text("\n".join(index), encoding="utf-8")
    print(f"docs: {pages} pages in {REFERENCE}")
    return 0 if pages else 1


if __name__ == "__main__":
    sys.exit(main())
