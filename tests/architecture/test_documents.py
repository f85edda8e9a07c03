"""The documents are true: their paths exist, the interface uses the glossary, and each email and event has a name."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from bin.untranslated import arabic
from portal.core.states import TRANSITIONS
from portal.presentation.activity import ACCOUNT_EVENTS, EMAILS, EVENTS

ROOT = Path(__file__).parent.parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
LAYOUTS = {"layout.txt", "layout.html", "_shared"}

# Sentences that may use such a word: the history of the name, signs of an alphabet, and the text of accepted terms,
# which is hashed and cannot change.
EXCEPTIONS = (
    "Why a tally stick?",
    "For centuries a debt was notched",
    "Use letters, digits and",
    "Use the letters of one script only.",
    "Use at least one letter or digit.",
    "Remove the accents that are stacked on one letter.",
    "No need for symbols, digits, or uppercase letters.",
    "If an installment is not paid on its due date it is marked late and we remind you by e-mail.",
)


def table(heading: str) -> list[list[str]]:
    """The rows of the table under this heading, without its own two."""
    section = CONTRIBUTING.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


FOLDERS = "portal|core|models|adapters|services|queries|presentation|web|api|templates|migrations|tests|docs|bin|bench"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./<>*-]*)`")


def missing_paths(text: str) -> list[str]:
    """Paths in ``code`` that fit no file; a <placeholder> fits any name, and ``file.name`` is what the file defines."""
    return [path for path in PATH.findall(text) if not is_there(path)]


def is_there(path: str) -> bool:
    pattern = re.sub(r"<\w+>", "*", path.rstrip("/"))
    if any(list(folder.glob(pattern)) for folder in (ROOT, ROOT / "portal")):
        return True
    module, _, name = path.rpartition(".")
    files = [folder / f"{module}.py" for folder in (ROOT, ROOT / "portal")]
    return any(
        re.search(rf"^(def|class) {name}\b", file.read_text(), re.MULTILINE)
        for file in files
        if file.exists()
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_of_a_document_is_there(document: Path):
    assert missing_paths(document.read_text()) == []


def test_a_path_that_is_not_there_is_found():
    text = (
        "`portal/web/<audience>/<noun>.py` `portal/attic.py` `services/offers.accept` `services/offers.attic`"
    )
    assert missing_paths(text) == ["portal/attic.py", "services/offers.attic"]
    assert len(PATH.findall(CONTRIBUTING)) > 15


def unwanted() -> list[str]:
    return [word for row in table("Words") for word in re.findall("`([^`]+)`", row[1])]


def breaches(sentence: str) -> list[str]:
    """The words that a sentence should not use; names of what fills it do not count."""
    text = re.sub(r"%\(\w+\)s", "", sentence).lower()
    return [word for word in unwanted() if re.search(rf"\b{word}s?\b", text)]


def test_no_sentence_for_people_uses_a_word_that_the_glossary_replaces():
    sentences = [str(message.id) for message in arabic() if message.id]
    assert len(sentences) > 300
    assert [
        (sentence, breaches(sentence))
        for sentence in sentences
        if breaches(sentence) and not sentence.startswith(EXCEPTIONS)
    ] == []


def test_such_a_word_is_found():
    assert breaches("The letters to the buyer %(seller)s are on their way.") == ["letter", "buyer"]


def test_every_email_has_a_name_and_every_name_an_email():
    kinds = {path.stem for path in (ROOT / "templates/email").glob("*.j2")} - LAYOUTS
    assert set(EMAILS) == kinds


def recorded_events() -> set[str]:
    """The kinds that services write out where they record an event."""
    kinds = set()
    for path in (ROOT / "portal/services").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) in ("events.record", "events.for_each")
                and isinstance(node.args[1], ast.Constant)
            ):
                kinds.add(node.args[1].value)
    return kinds


def test_every_event_has_its_words():
    assert len(recorded_events()) > 8
    assert recorded_events() | set(TRANSITIONS.values()) <= set(EVENTS) | set(ACCOUNT_EVENTS)


def test_the_newest_version_of_the_changelog_is_the_programs():
    versions = re.findall(
        r"^## ([\d.]+) - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert versions[0][0] == project["version"]
    assert versions == sorted(versions, key=lambda version: version[1], reverse=True)


def test_decisions_are_numbered_one_after_the_other():
    records = sorted((ROOT / "docs/decisions").glob("*.md"))
    for number, path in enumerate(records, start=1):
        assert path.name.startswith(f"{number:04}-"), path.name
        assert path.read_text().startswith(f"# {number}. "), path.name
