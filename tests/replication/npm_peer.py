"""An independent implementation of Negentropy, fetched by npm: what ours is held against.

The package is `@nostr-dev-kit/sync` (MIT), in one pinned version whose hash is checked here.
Nothing of it lies in this tree, and nothing else is installed: `npm_peer.cjs` runs it without its
client for relays, which alone needs further packages.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

PACKAGE: Final = "@nostr-dev-kit/sync@1.0.0"
INTEGRITY: Final = (
    "sha512-jLPWMBf87yqSPahqA2r9J6u+0ajsWVVIeiBn68J7h7R2HedVvroKNE/"
    "WnbJjH4iAjFJazt/BjOQIYiexe+lEJA=="
)
SCRIPT: Final = Path(__file__).with_name("npm_peer.cjs")


class NotThereError(Exception):
    """The reason why the package cannot be had on this machine, in words."""


def command(folder: Path) -> list[str]:
    """The program that speaks the line protocol; the package is fetched into `folder`."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NotThereError(f"the program {program} is missing")
    fetched = subprocess.run(
        [shutil.which("npm") or "npm", "pack", "--silent", PACKAGE],
        cwd=folder,
        capture_output=True,
        text=True,
        # Whatever npm may want to write of its own stays in the folder.
        env={**os.environ, "npm_config_cache": str(folder / "cache")},
        check=False,
    )
    if fetched.returncode:
        raise NotThereError(f"npm does not give {PACKAGE}: {fetched.stderr.strip()[-300:]}")
    archive = folder / fetched.stdout.strip().splitlines()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert f"sha512-{digest}" == INTEGRITY, "npm has given another package than the pinned one"
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return ["node", str(SCRIPT), str(folder / "package")]
