"""Makes what the page takes from others, out of the packages that they publish.

    python -m tests.web.vendored FOLDER [--check]

FOLDER holds unpacked packages of the npm registry: `lit-html`, `jsqr`, `lucide-static` and
`@iconify-json/fluent-emoji-flat`, each with its `package.json`. Files are copied as published,
icons and pictures are cut out. With `--check` nothing is written, and what differs is named.
"""

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mesh.ratchet.emoji import EMOJI
from mesh.web.static_files import FOLDER as STATIC

COPIED: Final = {
    "lit-html": (
        "LICENSE",
        "lit-html.js",
        "directive.js",
        "directive-helpers.js",
        "async-directive.js",
        "directives/repeat.js",
        "directives/live.js",
        "directives/ref.js",
        "directives/keyed.js",
        "directives/guard.js",
    ),
    "jsqr": ("LICENSE", "dist/jsQR.js"),
    "lucide-static": ("LICENSE",),
}
"""Files that are taken as they are, by their package."""

PLACES: Final = {
    "lit-html": "vendor/lit-html",
    "jsqr": "vendor/jsqr",
    "lucide-static": "vendor/lucide",
}
PICTURES: Final = "@iconify-json/fluent-emoji-flat"

ICONS: Final = (
    "archive arrow-down arrow-left arrow-up ban bell bell-off bookmark check check-check",
    "chevron-left chevron-right circle-alert circle-dashed circle-x clipboard-paste clock",
    "clock-alert copy download ellipsis ellipsis-vertical eye eye-off forward history",
    "hourglass inbox info key-round layout-dashboard link lock log-out mail-open",
    "message-circle mic panel-right pencil pin pin-off plus qr-code radio reply save",
    "search settings shield-alert shield-check shield-user smile-plus split square timer",
    "trash-2 undo-2 unplug user-check user-minus user-plus user-round users-round x",
)
ICONS_LATER: Final = (
    "calendar-clock camera chart-bar chevron-down chevron-up circle circle-check",
    "circle-stop circle-user-round clipboard-check file file-archive file-text hand",
    "handshake hard-drive image life-buoy list-todo music package palette paperclip pause",
    "play refresh-cw scan-line sliders-horizontal square-check square-pen stethoscope",
    "terminal triangle-alert upload video",
)
"""Those that no conversation needs; they come with the first part that is fetched."""


REACTIONS: Final = ("👍", "❤️", "😂", "😮", "😢", "🙏")
"""The reactions that the page offers; plain Debian has no font that could draw them."""


def make(folder: Path) -> dict[str, bytes]:
    """Return each vendored file by its path below the static folder."""
    packages = {
        record["name"]: (path.parent, record)
        for path in sorted(folder.glob("**/package.json"))
        if "name" in (record := json.loads(path.read_text()))
    }
    made: dict[str, bytes] = {}
    rows: list[dict[str, str]] = []

    def keep(target: str, content: bytes, package: str) -> None:
        made[target] = content
        record = packages[package][1]
        origin = {"package": package, "version": record["version"], "licence": record["license"]}
        rows.append({"path": target, **origin, "sha256": hashlib.sha256(content).hexdigest()})

    for package, names in COPIED.items():
        for name in names:
            content = (packages[package][0] / name).read_bytes()
            keep(f"{PLACES[package]}/{name.removeprefix('dist/')}", content, package)
    lucide = packages["lucide-static"][0]
    keep("vendor/lucide/shapes.js", _icons(lucide, ICONS), "lucide-static")
    keep(
        "vendor/lucide/shapes_more.js", _icons(lucide, ICONS_LATER, is_later=True), "lucide-static"
    )
    comparison = _pictures(
        packages[PICTURES][0], [sign for sign, _ in EMOJI], "those of a comparison"
    )
    keep("pictures/comparison.svg", comparison, PICTURES)
    reactions = _pictures(packages[PICTURES][0], REACTIONS, "those of reactions")
    keep("pictures/reactions.svg", reactions, PICTURES)
    made["vendor/vendor.lock.json"] = json.dumps(rows, indent=1).encode() + b"\n"
    return made


def _icons(package: Path, names: Sequence[str], *, is_later: bool = False) -> bytes:
    """Cut the shapes out of icons of Lucide; those that come later join the first ones."""
    lines = [
        "// Cut out of Lucide (see LICENSE beside this) by tests/web/vendored.py.",
        'import { svg } from "../lit-html/lit-html.js";',
        *(['import { shapes } from "./shapes.js";'] if is_later else []),
        "",
        "Object.assign(shapes, {" if is_later else "export const shapes = {",
    ]
    for name in " ".join(names).split():
        text = (package / "icons" / f"{name}.svg").read_text()
        shapes = re.findall(r"<(?!svg|/svg|!)[^>]*/>", re.sub(r"\s+", " ", text))
        lines.append(f'  "{name}": svg`{"".join(shapes).replace(" />", "/>")}`,')
    return "\n".join([*lines, "});" if is_later else "};", ""]).encode()


def _pictures(package: Path, signs_drawn: Sequence[str], what: str) -> bytes:
    """Put the pictures of these signs into one sprite, each under its number."""
    icons = json.loads((package / "icons.json").read_text())
    names = {
        "".join(chr(int(code, 16)) for code in signs.split("-")): name
        for signs, name in json.loads((package / "chars.json").read_text()).items()
    }
    lines = [
        f"<!-- Fluent Emoji, flat, © Microsoft Corporation, MIT licence: {what} -->",
        '<svg xmlns="http://www.w3.org/2000/svg">',
    ]
    for number, sign in enumerate(signs_drawn):
        name = names.get(sign) or names[sign.rstrip("\ufe0f")]
        name = icons["aliases"].get(name, {"parent": name})["parent"]
        # Ids are of the whole sprite; each picture needs its own.
        body = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>p{number}", icons["icons"][name]["body"])
        lines.append(f'<symbol id="p{number}" viewBox="0 0 32 32">{body}</symbol>')
    return "\n".join([*lines, "</svg>", ""]).encode()


def main(arguments: list[str]) -> int:
    """Write the files, or compare them, and return the exit code."""
    made = make(Path(arguments[0]))
    differing = [
        path
        for path, content in made.items()
        if not (STATIC / path).exists() or (STATIC / path).read_bytes() != content
    ]
    if "--check" not in arguments:
        for path in differing:
            (STATIC / path).parent.mkdir(parents=True, exist_ok=True)
            (STATIC / path).write_bytes(made[path])
        sys.stdout.write(f"{len(differing)} of {len(made)} files written\n")
        return 0
    sys.stdout.writelines(f"{path} is not as published\n" for path in differing)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
