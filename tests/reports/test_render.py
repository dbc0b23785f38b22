import re
from dataclasses import replace

from offtarget.reports.figures.base import finish, named
from offtarget.reports.render import inline, render


def clipped(id):
    """A figure whose SVG needs an id: a line cut off at its frame."""
    import altair as alt

    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 1]))
    chart = named("line").mark_line(clip=True).encode(x=x, y="y:Q")
    rows = [{"x": 0, "y": 0}, {"x": 2, "y": 1}]
    return finish(chart, {"line": rows}, id=id, title=id, caption="A line.", alt="A line.")


def test_figures_on_one_page_share_no_ids_and_keep_their_own(tmp_path):
    texts = render([clipped("one"), clipped("two")], tmp_path)
    ids = {name: re.findall(r'\bid="([^"]+)"', text) for name, text in texts.items()}
    assert ids["one"] and not set(ids["one"]) & set(ids["two"])
    for name, text in texts.items():
        assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids[name])


def test_a_figure_drawn_later_has_the_same_bytes(tmp_path):
    first = render([clipped("one")], tmp_path / "a")["one"]
    render([replace(clipped("one"), id="other")], tmp_path / "b")
    assert render([clipped("one")], tmp_path / "c")["one"] == first


def test_an_inline_figure_takes_the_pages_paper_and_says_what_it_shows():
    svg = '<svg width="100" height="9"><rect width="100" height="9" fill="white"/><text>"white"</text></svg>'
    shown = inline(svg, 'a "curve" <b>')
    assert 'fill="none"' in shown and 'fill="white"' not in shown
    assert 'aria-label="a &quot;curve&quot; &lt;b&gt;"' in shown
    assert 'style="max-width:120px"' in shown


def test_each_figure_leaves_svg_png_and_csv(tmp_path):
    render([clipped("one")], tmp_path)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.svg").read_text().startswith("<svg")
    assert (tmp_path / "one.csv").read_text() == "layer,x,y\nline,0,0\nline,2,1\n"
