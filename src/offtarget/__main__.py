"""``python -m offtarget``, and what the command ``offtarget`` runs: quiet from the first instant, even to Ctrl-C."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """The command line; a Ctrl-C while it is still loading ends it as one later would."""
    try:
        from offtarget.cli import main as run

        run()
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
