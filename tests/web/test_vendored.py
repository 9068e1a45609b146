"""The vendored files are those of the lock file, and the page asks for nothing that is missing."""

import hashlib
import json
import re

from mesh.limits.content import FILE_BYTES_MAX, FILE_NAME_BYTES_MAX, FILE_TYPE_BYTES_MAX, FILES_MAX
from mesh.limits.files import CARRIED_BYTES_MAX
from mesh.limits.messages import TEXT_BYTES_MAX
from mesh.limits.pictures import PICTURE_BYTES_MAX
from mesh.ratchet.emoji import EMOJI
from mesh.web.static_files import FOLDER

CATALOGUE = ("words.js", "words_start.js", "words_more.js")
LOCK = FOLDER / "vendor" / "vendor.lock.json"


def test_each_vendored_file_is_the_one_of_the_lock() -> None:
    rows = json.loads(LOCK.read_text())
    found = {
        str(path.relative_to(FOLDER)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("vendor", "pictures")
        for path in (FOLDER / folder).rglob("*")
        if path.is_file() and path != LOCK
    }
    assert found == {row["path"]: row["sha256"] for row in rows}
    assert all(row["licence"] for row in rows)


def test_every_picture_of_a_comparison_is_there_in_its_place() -> None:
    sprite = (FOLDER / "pictures" / "comparison.svg").read_text()
    assert re.findall(r'<symbol id="p(\d+)"', sprite) == [str(n) for n in range(len(EMOJI))]
    told = (FOLDER / "app" / "screens" / "emoji.js").read_text()
    assert re.findall(r'"([^"]+)"', told) == [sign for sign, _ in EMOJI]


def test_every_icon_that_is_named_exists() -> None:
    shapes = "".join(path.read_text() for path in (FOLDER / "vendor/lucide").glob("*.js"))
    known = set(re.findall(r'^  "([\w-]+)": svg`', shapes, re.M))
    known |= set(re.findall(r"^  (\w+): svg`", (FOLDER / "app/icons.js").read_text(), re.M))
    scripts = "".join(path.read_text() for path in (FOLDER / "app").rglob("*.js"))
    named = set(re.findall(r'icon\("([\w-]+)"', scripts))
    assert named - known == set()


def test_every_word_that_is_asked_for_is_in_the_catalogue() -> None:
    words = "".join((FOLDER / "app" / name).read_text() for name in CATALOGUE)
    keys = set(re.findall(r'"([a-z][^"\s]*(?: [a-z]+)*)": "', words))
    stems = {re.sub(r"\.(one|other|zero)$", "", key) for key in keys}
    scripts = {path.name: path.read_text() for path in (FOLDER / "app").rglob("*.js")}
    asked = {
        key
        for name, script in scripts.items()
        if name not in CATALOGUE
        for key in re.findall(r'\b(?:t|rich)\("([a-z][\w.-]*)"', script)
    }
    assert asked - keys - stems == set()


def test_nothing_is_asked_of_another_place() -> None:
    for path in FOLDER.rglob("*"):
        if path.suffix not in {".html", ".css", ".js"} or "vendor" in path.parts:
            continue
        text = re.sub(
            r'xmlns="http://www.w3.org/2000/svg"|^\s*(//|\*|/\*).*$',
            "",
            path.read_text(),
            flags=re.M,
        )
        assert re.findall(r"(?:src|href|url|import|fetch)\W{1,3}https?://", text) == [], path
        assert "style=" not in text, path
        assert "innerHTML" not in text, path


def bounds_in(script: str) -> dict[str, int]:
    """Return the bounds that a script of the page names, by their names."""
    told = (FOLDER / "app/screens" / script).read_text()
    return {name: int(bound) for name, bound in re.findall(r"const (\w+_MAX) = ([\d_]+);", told)}


def test_the_page_knows_the_bounds_of_messages_and_files() -> None:
    assert bounds_in("composer.js") == {"TEXT_BYTES_MAX": TEXT_BYTES_MAX}
    bounds = bounds_in("attach.js")
    del bounds["TRIES_MAX"]
    assert bounds == {
        "CARRIED_BYTES_MAX": CARRIED_BYTES_MAX,
        "FILE_BYTES_MAX": FILE_BYTES_MAX,
        "PICTURE_BYTES_MAX": PICTURE_BYTES_MAX,
        "FILES_MAX": FILES_MAX,
        "NAME_BYTES_MAX": FILE_NAME_BYTES_MAX,
        "TYPE_BYTES_MAX": FILE_TYPE_BYTES_MAX,
    }
