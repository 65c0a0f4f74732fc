# SPDX-License-Identifier: Apache-2.0
"""Everything that the documentation tells a reader to do is done here."""

from __future__ import annotations

import doctest
import importlib.util
import re
import runpy
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if p.name != "tables.md")
FENCE = re.compile(r"^```\{?\.?(\w+)([^\n}]*)\}?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Anything else on the line of a fence, and the renderer takes it for a paragraph.
OPENING = re.compile(r"^```(\w+|\{\.\w+( \w+=[^\s}]+)+\})?$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")
# Real data takes minutes: these are run by `make plan`, not here.
LONG = ("oreserve plan --home EU", "oreserve simulate --shock chinese")


@dataclass(frozen=True)
class Snippet:
    language: str
    options: dict[str, str]
    text: str


def snippets(page: Path) -> list[Snippet]:
    found = []
    for language, rest, text in FENCE.findall(page.read_text(encoding="utf-8")):
        pairs = (word.partition("=") for word in rest.split())
        found.append(Snippet(language, {k: v for k, _, v in pairs}, text))
    return found


def run_commands(text: str) -> None:
    from oreserve.cli import main

    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if not words or line.startswith(LONG):
            continue
        assert words[0] == "oreserve", f"no way to run: {line}"
        assert main(words[1:]) == 0, line


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_snippets_of_a_page_run_in_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "page"}
    for snippet in snippets(page):
        if "skip" in snippet.options:
            assert snippet.options["skip"], "say why it is skipped"
        elif "file" in snippet.options:
            target = tmp_path / snippet.options["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(snippet.text, encoding="utf-8")
        elif snippet.language == "sh":
            run_commands(snippet.text)
        elif snippet.language == "python":
            exec(compile(snippet.text, str(page), "exec"), namespace)  # noqa: S102
        elif snippet.language == "pycon":
            parser = doctest.DocTestParser()
            test = parser.get_doctest(snippet.text, {}, page.name, str(page), 0)
            assert doctest.DocTestRunner().run(test).failed == 0
        else:
            pytest.fail(f"a {snippet.language} snippet that nobody runs: {page}")


def test_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for snippet in snippets(ROOT / "README.md"):
        if snippet.language == "python":
            exec(compile(snippet.text, "README.md", "exec"), namespace)  # noqa: S102
        elif "make" not in snippet.text:
            quick = " --scenarios 4 --verify 6 --no-sensitivity --no-frontier"
            run_commands(snippet.text.replace("--budget 5e6 ", f"--budget 5e6{quick} "))


def test_make_commands_of_the_readme_exist_and_help_lists_them():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^make (\w+)", readme, re.MULTILINE)
    assert named[:3] == ["plan", "test", "install"]
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in named:
        assert re.search(rf"^{target}:", make, re.MULTILINE), target
        assert re.search(rf'@echo "make {target}\b', make), target


def test_make_install_runs_no_plan():
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "pip install" in shown
    assert "bin/activate" in shown
    assert "oreserve plan" not in shown


def test_first_screen_of_the_readme_has_the_two_commands_and_the_picture():
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:16]
    assert any(line.startswith("make plan") for line in first)
    assert any(line.startswith("make test") for line in first)
    assert any(line.startswith("![") for line in first)


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    inner = [link for link, _ in LINK.findall(text) if "://" not in link]
    missing = [link for link in inner if not (page.parent / link).exists()]
    assert missing == []
    for link, anchor in LINK.findall(text):
        target = page.parent / link
        if anchor and target.suffix == ".md" and "://" not in link:
            assert anchor[1:] in anchors(target), f"{link}{anchor}"


def anchors(page):
    """Return what headings of a page are called in a link."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    names = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        names.add(re.sub(r"[-\s]+", "-", plain))
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_fences_are_those_that_the_renderer_knows(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    fences = [line for line in lines if line.startswith("```")]
    assert [line for line in fences if not OPENING.match(line)] == []


def test_table_reference_is_made_from_the_specs():
    spec = importlib.util.spec_from_file_location("make", DOCS / "make_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.TARGET.read_text(encoding="utf-8")
    assert written == module.page(), "run: python docs/make_tables.py"


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md")]
    assert [page for page in pages if page not in menu] == []


def test_glossary_words_are_sorted_out_once():
    rows = re.findall(
        r"^\| ([a-z ,]+) \|", (DOCS / "glossary.md").read_text(), re.MULTILINE
    )
    words = [word for row in rows for word in row.split(", ")]
    assert len(words) == len(set(words))
    for column in ("lane", "driver", "agreement", "evidence", "loss"):
        assert column in words


@pytest.mark.parametrize(
    "example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem
)
def test_examples_run(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out
