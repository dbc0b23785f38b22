"""Draw figures: Vega-Lite to SVG once each, SVG to PNG on other threads meanwhile. No network, no browser."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from offtarget.reports.figures.base import Figure

__all__ = ["inline", "render", "warm"]

#: Pixels of a PNG for each pixel of the figure.
_SCALE = 2.0
_ID = re.compile(r'\bid="([^"]+)"')
_WIDTH = re.compile(r'<svg [^>]*?\bwidth="([\d.]+)"')
#: How much larger than drawn a figure may be shown.
_LARGER = 1.2
_FIRST_RECT = re.compile(r'(<rect [^>]*?)fill="white"')


def warm() -> threading.Thread:
    """Start the drawing engine on a thread of its own: it takes half a second, in which figures can be built."""

    def start() -> None:
        import vl_convert

        vl_convert.vegalite_to_svg({"mark": "point", "data": {"values": []}})

    begun = threading.Thread(target=start, daemon=True)
    begun.start()
    return begun


def render(figures: Sequence[Figure], folder: Path) -> dict[str, str]:
    """Write every figure as SVG, PNG and CSV, and return the SVG texts by figure.

    Args:
        figures: what to draw.
        folder: where; made if it is not there.
    """
    import vl_convert

    folder.mkdir(parents=True, exist_ok=True)
    texts: dict[str, str] = {}
    with ThreadPoolExecutor(2) as pool:
        drawing: list[tuple[Figure, Future[bytes]]] = []
        for figure in figures:
            svg = _own_ids(vl_convert.vegalite_to_svg(dict(figure.spec)), figure.id)
            texts[figure.id] = svg
            drawing.append((figure, pool.submit(vl_convert.svg_to_png, svg, scale=_SCALE)))
            (folder / f"{figure.id}.svg").write_text(svg, encoding="utf-8")
            (folder / f"{figure.id}.csv").write_text(figure.csv(), encoding="utf-8")
        for figure, png in drawing:
            (folder / f"{figure.id}.png").write_bytes(png.result())
    return texts


def _own_ids(svg: str, prefix: str) -> str:
    """The SVG with ids of its own: Vega counts them on from figure to figure, and on one page they would collide."""
    names = {name: f"{prefix}-{place}" for place, name in enumerate(dict.fromkeys(_ID.findall(svg)))}
    for name, own in names.items():
        svg = svg.replace(f'id="{name}"', f'id="{own}"').replace(f"url(#{name})", f"url(#{own})")
        svg = svg.replace(f'href="#{name}"', f'href="#{own}"')
    return svg


def inline(svg: str, alt: str) -> str:
    """An SVG for a page: described as one image, and without its paper, so that it takes the page's."""
    svg = _FIRST_RECT.sub(r'\1fill="none"', svg, count=1)
    width = _WIDTH.search(svg)
    widest = f' style="max-width:{_LARGER * float(width.group(1)):.0f}px"' if width else ""
    told = html.escape(alt, quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{told}"{widest} ', 1)
