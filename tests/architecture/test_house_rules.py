"""The rules of the house that a program can check; each is tried on a breach of it, so that it has teeth."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import jinja2.nodes
import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ["portal", "templates", "static", "migrations", "tests", "bench", "bin"]
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 40

Rule = Callable[[str], Iterator[str]]


def short_file(text: str) -> Iterator[str]:
    lines = len(text.splitlines())
    if lines > LINES_OF_A_FILE:
        yield f"{lines} lines"


def short_functions(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # The body alone: the formatter gives each argument of a long list its own line.
            lines = (node.end_lineno or 0) - node.body[0].lineno + 1
            if lines > LINES_OF_A_FUNCTION:
                yield f"{node.name} has {lines} lines"


def says_what_it_holds(text: str) -> Iterator[str]:
    module = ast.parse(text)
    if module.body and not ast.get_docstring(module):
        yield "does not open with a sentence about what it holds"


def reads_no_clock_when_imported(text: str) -> Iterator[str]:
    """What a module takes for today is yesterday after midnight: a function asks when it runs."""
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", ""))
        if name in {"now", "today", "utcnow"}:
            yield f"line {node.lineno}: {name}() when it is imported"
        inside = node.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else []
        later = {id(statement) for statement in (inside if isinstance(inside, list) else [inside])}
        waiting += [child for child in ast.iter_child_nodes(node) if id(child) not in later]


def no_inline_style_or_script(text: str) -> Iterator[str]:
    for tag, attributes in Markup(text).tags:
        if tag == "style" or (tag == "script" and "src" not in attributes):
            yield f"<{tag}> in the page"
        for name, value in attributes.items():
            if name == "style" or name.startswith(("on", "hx-on", "data-hx-on")):
                yield f"{name}= on <{tag}>"
            if value.strip().startswith(("javascript:", "js:")):
                yield f"{name}={value!r} on <{tag}>"


def words_are_translated(text: str) -> Iterator[str]:
    markup = Markup(text)
    shown = markup.words + [
        value
        for _, attributes in markup.tags
        for name, value in attributes.items()
        if name in {"title", "placeholder", "alt", "aria-label", "aria-description", "aria-roledescription"}
    ]
    for words in shown:
        if re.search(r"[^\W\d_]", words.replace("Tallystick", "")):
            yield f"{words.strip()!r} outside of _()"
    yield from literals_are_translated(text)


def literals_are_translated(text: str) -> Iterator[str]:
    """A string inside {{ }} or {% %} that starts like a sentence is one that a person will read."""
    tree = JINJA.parse(text)
    translated = {
        id(argument)
        for call in tree.find_all(jinja2.nodes.Call)
        if isinstance(call.node, jinja2.nodes.Name) and call.node.name in TRANSLATORS
        for argument in call.args
    }
    compared = {
        id(literal)
        for comparison in tree.find_all(jinja2.nodes.Compare)
        for literal in comparison.find_all(jinja2.nodes.Const)
    }
    for literal in tree.find_all(jinja2.nodes.Const):
        is_words = isinstance(literal.value, str) and re.match(r"[A-Z][a-z]", literal.value)
        if is_words and id(literal) not in translated | compared and literal.value != "Tallystick":
            yield f"line {literal.lineno}: {literal.value!r} outside of _()"


def css_is_logical(text: str) -> Iterator[str]:
    """Physical sides do not turn with the direction of writing; width and height do no harm and are let be."""
    sheet = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for name, value in re.findall(r"(?<=[;{])\s*([a-z-]+)\s*:\s*([^;{}]+)", sheet):
        side = re.fullmatch(
            r"(?:(?:scroll-)?(?:margin|padding)-|border-|)(?:top|right|bottom|left)(?:-.*)?", name
        )
        turned = name in {"float", "clear", "text-align"} and value.strip().split()[0] in {"left", "right"}
        if side or turned:
            yield f"{name}: {value.strip()}"


class Markup(HTMLParser):
    """The tags and the words of a template, without what Jinja puts in."""

    def __init__(self, template: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        for jinja in (r"\{#.*?#\}", r"\{%-?\s*trans\b.*?\bendtrans\s*-?%\}", r"\{%.*?%\}", r"\{\{.*?\}\}"):
            template = re.sub(jinja, "", template, flags=re.DOTALL)
        self.feed(template)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # else it is a sheet or a script, which another rule judges
            self.words.append(data)


TRANSLATORS = {"_", "gettext", "ngettext", "pgettext", "npgettext"}
JINJA = jinja2.Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True)

RULES: dict[Rule, tuple[str, ...]] = {
    short_file: (".py", ".html", ".j2", ".css", ".js"),
    short_functions: (".py",),
    says_what_it_holds: (".py",),
    reads_no_clock_when_imported: (".py",),
    # An email (.j2) has no sheet to link to and carries its own; what a page shows comes under the strict policy.
    no_inline_style_or_script: (".html",),
    words_are_translated: (".html", ".j2"),
    css_is_logical: (".css",),
}

# A migration is a list of columns that is written once; cutting it up would not make it easier to read.
LISTS = {short_functions: "migrations/versions"}

BREACHES: list[tuple[Rule, str]] = [
    (short_file, "\n" * 401),
    (short_functions, "def f():\n" + "    f()\n" * 41),
    (short_functions, "class C:\n    async def f(self):\n" + "        f()\n" * 41),
    (says_what_it_holds, "import os\n"),
    (reads_no_clock_when_imported, "TODAY = now().date()"),
    (reads_no_clock_when_imported, "class C:\n    day = date.today()"),
    (reads_no_clock_when_imported, "def f(at=datetime.now(UTC)):\n    pass"),
    (no_inline_style_or_script, '<p style="color: red">'),
    (no_inline_style_or_script, "<style>p { color: red }</style>"),
    (no_inline_style_or_script, "<script>alert(1)</script>"),
    (no_inline_style_or_script, '<a onclick="alert(1)">'),
    (no_inline_style_or_script, '<a hx-on:click="alert(1)">'),
    (no_inline_style_or_script, '<a href="javascript:alert(1)">'),
    (no_inline_style_or_script, "<a hx-vals='js:{a: 1}'>"),
    (words_are_translated, "<p>{{ name }} owes</p>"),
    (words_are_translated, '<img alt="A tally stick">'),
    (words_are_translated, "<p>{{ button('Pay now') }}</p>"),
    (words_are_translated, "{% set title = 'Your plans' %}"),
    (words_are_translated, "Dear {{ name }},"),
    (css_is_logical, "p { margin-left: 1rem }"),
    (css_is_logical, "p { color: red; border-top: 0 }"),
    (css_is_logical, "@media print { p { left: 0 } }"),
    (css_is_logical, "p { text-align: right; }"),
    (css_is_logical, "p { border-top-left-radius: 1px; }"),
]

KEPT: list[tuple[Rule, str]] = [
    (short_file, "\n" * 400),
    (short_functions, "def f():\n" + "    f()\n" * 40),
    (says_what_it_holds, ""),
    (reads_no_clock_when_imported, "def f():\n    return now()\nEACH = lambda: now()"),
    (no_inline_style_or_script, '<script src="/static/js/menu.js" defer></script><p class="on">'),
    (words_are_translated, '<p title="{{ _(\'Sum\') }}">{{ _("Owed: %(sum)s", sum=x) }} · 1/2 {# Why #}</p>'),
    (
        words_are_translated,
        "{% trans %}Signed in{% endtrans %}{{ ngettext('One plan', '%(num)s plans', n) }}",
    ),
    (words_are_translated, "{% if field.type == 'BooleanField' %}{% endif %}"),
    (css_is_logical, "a:hover { margin-inline-start: 1rem; width: 50%; text-align: start }"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps(rule: Rule):
    assert [
        f"{path.relative_to(ROOT)}: {breach}"
        for path in house_files(RULES[rule])
        if str(path.relative_to(ROOT).parent) != LISTS.get(rule)
        for breach in rule(path.read_text())
    ] == []


@pytest.mark.parametrize(("rule", "text"), BREACHES)
def test_a_breach_is_found(rule: Rule, text: str):
    assert list(rule(text))


@pytest.mark.parametrize(("rule", "text"), KEPT)
def test_what_is_right_passes(rule: Rule, text: str):
    assert list(rule(text)) == []


def test_migrations_are_numbered_one_after_the_other():
    expected_parent = "None"
    for number, path in enumerate(sorted((ROOT / "migrations/versions").glob("*.py")), start=1):
        assert re.fullmatch(rf"{number:04}_[a-z0-9_]+", path.stem), path.name
        named = dict(
            re.findall(r"^(revision|down_revision)\b[^=]*= ['\"]?(\w+)", path.read_text(), re.MULTILINE)
        )
        assert named == {"revision": path.stem, "down_revision": expected_parent}
        expected_parent = path.stem
    assert expected_parent != "None"


def house_files(endings: tuple[str, ...]) -> list[Path]:
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*")) if path.suffix in endings]
    files = [path for path in files if "node_modules" not in path.parts]
    files += [path for path in sorted(ROOT.glob("*.py")) if path.suffix in endings]
    return [path for path in files if "vendor" not in path.parts]
