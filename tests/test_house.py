"""Promises about the house: what is committed, how large rooms get, what a light word loads, where links lead."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "requirements").glob("*.md"),
                 *(ROOT / "src").rglob("*.md"), *(ROOT / "validation").rglob("*.md"))
    if "reference" not in path.relative_to(ROOT).parts
)  # fmt: skip

LONGEST_MODULE = 300
LONGEST_FUNCTION = 60
#: Modules over the limit: how long each may be, and why it is not two.
LONG_MODULES: dict[str, tuple[int, str]] = {}
#: Functions over the limit, and why.
LONG_FUNCTIONS: dict[str, str] = {}

#: Hosts of package indexes, and paths that exist on one machine only. Split, so that this file does not hold them.
INDEXES = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry.npm" + "js",
    "--index" + "-url",
    "--find" + "-links",
)
HOMES = re.compile(r"(?<![\w.~-])/(?:home|Users|root|work|opt|mnt|scratch)/[\w.-]+|[A-Z]:\\\\?Users\\")
HEAVY = (
    "numba",
    "libsbml",
    "antimony",
    "sympy",
    "altair",
    "pandas",
    "pint",
    "scipy",
    "numpy",
    "pyarrow",
    "vl_convert",
)


def _committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _texts() -> list[tuple[str, str]]:
    found = []
    for path in _committed():
        try:
            found.append((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def test_no_committed_file_names_a_package_index() -> None:
    # The Makefile tells uv to leave addresses out; that option is the one mention.
    texts = ((name, text.replace("--no-emit-index-url", "")) for name, text in _texts())
    named = {name: host for name, text in texts for host in INDEXES if host in text}
    assert not named


def test_no_committed_file_names_a_path_of_one_machine() -> None:
    named = {name: found.group() for name, text in _texts() if (found := HOMES.search(text))}
    assert not named


def test_requirements_are_pinned_with_hashes() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        blocks = re.split(r"\n(?=[a-z0-9])", path.read_text(encoding="utf-8").strip())
        for block in blocks:
            assert re.match(r"[a-z0-9][\w.\[\]-]*==\S+", block), f"{path.name}: {block[:60]}"
            assert "--hash=sha256:" in block, f"{path.name}: {block[:60]}"
            assert "://" not in block, f"{path.name}: {block[:60]}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    name = path.relative_to(ROOT / "src" / "offtarget").as_posix()
    limit, _ = LONG_MODULES.get(name, (LONGEST_MODULE, ""))
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_function_fits_a_screen(path: Path) -> None:
    name = path.relative_to(ROOT / "src" / "offtarget").as_posix()
    functions = (
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )  # fmt: skip
    long = {
        f"{name}:{one.name}": size
        for one in functions
        if (size := (one.end_lineno or one.lineno) - one.lineno + 1) > LONGEST_FUNCTION
    }
    assert set(long) <= set(LONG_FUNCTIONS), long


def test_exceptions_to_the_size_of_rooms_are_still_needed() -> None:
    """A little room below the limit, so that a module near it may breathe without an edit here."""
    lines = {
        name: len((ROOT / "src" / "offtarget" / name).read_text(encoding="utf-8").splitlines())
        for name in LONG_MODULES
    }
    assert not {name for name, size in lines.items() if size < LONGEST_MODULE - 20}


def _loaded_by(words: str) -> set[str]:
    """Top-level modules that are loaded after these words of Python ran in a process of their own."""
    tail = "import json, sys; print('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{words}\n{tail}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy() -> None:
    words = "import sys\nsys.argv = ['offtarget', '--help']\nfrom offtarget.cli import main\n"
    loaded = _loaded_by(words + "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n")
    assert "typer" in loaded
    assert not loaded & set(HEAVY)


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = _loaded_by("import offtarget")
    assert "offtarget" in loaded
    assert not loaded & {*HEAVY, "typer", "rich", "jinja2"}


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_local_link_in_a_page_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target) if target else page
        assert path.exists(), f"{page.name}: {link}"
        if anchor and path.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in map(_slug, headings), f"{page.name}: {link}"


def test_the_changelog_and_the_citation_know_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_decisions_are_numbered_without_gaps_titled_alike_and_listed() -> None:
    records = sorted((ROOT / "docs" / "decisions").iterdir())
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for number, record in enumerate(records, start=1):
        assert record.name.startswith(f"{number:04d}-"), record.name
        assert record.suffix == ".md", record.name
        text = record.read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        assert title.startswith(f"{number}. "), record.name
        assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Choice", "Consequences"], (
            record.name
        )
        assert len(text.splitlines()) <= 60, f"{record.name}: a record is one page"
        assert f"[{title}](decisions/{record.name})" in index, record.name


def test_the_makefile_has_every_door_it_names() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", text, flags=re.MULTILINE))
    assert targets >= {"trial", "test", "check", "validate", "bench", "sbml", "docs", "clean"}
    assert set(re.findall(r"make ([a-z]+) {2,}", text)) <= targets


def _blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_python_in_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = _blocks("python")
    assert len(code.splitlines()) <= 13
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("patients=200", "patients=8"), "README.md", "exec"), {"__name__": "readme"})
    assert "month 6:" in capsys.readouterr().out
    assert (tmp_path / "runs" / "stim1" / "report.html").is_file()


def test_the_study_in_the_readme_loads(tmp_path: Path) -> None:
    from offtarget import load_trial

    (study,) = _blocks("toml")
    path = tmp_path / "mine.toml"
    path.write_text(study, encoding="utf-8")
    assert load_trial(str(path)).endpoints[0].name == "treatment-free remission"


@pytest.mark.slow
def test_the_table_in_the_readme_is_what_make_trial_prints() -> None:
    from offtarget import load_trial, run

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    printed = re.findall(
        r"^\| (\d+) months.*?\| (\d+) \| ([\d.]+) \(([\d.]+) to ([\d.]+)\)", text, flags=re.MULTILINE
    )
    found = [row for row in run(load_trial("stim1"), patients=2000, seed=7).estimates
             if row.endpoint == "free of molecular relapse"]  # fmt: skip
    assert [int(row[0]) for row in printed] == [round(row.month) for row in found]
    for said, row in zip(printed, found, strict=True):
        assert int(said[1]) == pytest.approx(row.n, abs=3)
        assert [float(one) for one in said[2:]] == pytest.approx([row.value, row.low, row.high], abs=0.5)
