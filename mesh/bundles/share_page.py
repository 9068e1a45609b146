"""The page of the shared door: what there is, with hashes, and how it is started. No script."""

import hashlib
from base64 import b64encode
from html import escape
from typing import Final

from mesh.bundles.shelf import Offer
from mesh.release import release

_STYLE: Final = (
    "body{font:1em/1.5 sans-serif;max-width:48rem;margin:auto;padding:1rem}"
    "code,a{overflow-wrap:anywhere}dt{margin-top:1rem}"
)
_STYLE_HASH: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = (
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; "
        "base-uri 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mesh from hand to hand</title>
<style>{style}</style>
<main>
<h1>Mesh</h1>
<p>A messenger without servers. The laptop that shows this page gives it to you. It runs version
{version}.</p>
<h2>Take it</h2>
<ol>
<li>Choose the file for your system below, and keep it.</li>
<li><strong>Compare its hash</strong> with the screen of who gives it to you: others on this network
can change what you see here. Linux: <code>sha256sum FILE</code>. macOS:
<code>shasum -a 256 FILE</code>. Windows: <code>certutil -hashfile FILE SHA256</code>.</li>
<li>Linux and macOS: <code>tar -xJf FILE</code>, and start the program that begins with
<code>start</code> in the folder. Who has Mesh already keeps the manifest beside it,
and says <code>mesh upgrade FILE</code>.</li>
</ol>
<h2>Files</h2>
<dl>
{files}</dl>
<p><a href="/SHA256SUMS">SHA256SUMS</a>: all hashes, for <code>sha256sum --check</code>.</p>
</main>
</html>
"""
_FILE: Final = """\
<dt><a href="/{name}">{name}</a> ({megabytes:.1f} MB)</dt>
<dd><code>{sha256}</code><br>{told}</dd>
"""


def page_of(offers: list[Offer]) -> bytes:
    """Return the page."""
    files = "".join(
        _FILE.format(
            name=escape(each.name),
            megabytes=each.judged.bytes / 1e6,
            sha256=each.judged.sha256,
            told=escape(each.judged.told),
        )
        for each in offers
    )
    return _PAGE.format(style=_STYLE, version=escape(release()), files=files).encode()


def sums_of(offers: list[Offer]) -> bytes:
    """Return the hashes as `sha256sum` reads them."""
    return "".join(f"{each.judged.sha256}  {each.name}\n" for each in offers).encode()
