"""Opens a browser on this computer, where there is one that has a screen."""

import os
import sys
import webbrowser
from pathlib import Path


def open_in_browser(file: Path) -> bool:
    """Show a file; False if nothing here can.

    Only the file stands on the browser's command line, which every user of the computer can read.
    """
    if not has_screen():
        return False
    try:
        return webbrowser.open(file.as_uri())
    except webbrowser.Error:
        return False


def has_screen() -> bool:
    """Say whether a browser would have a window: one for terminals would take this one over."""
    has_one_always = sys.platform in ("win32", "darwin")
    return has_one_always or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
