"""The command by which a person's desktop shows a notification. It says no name and no text.

On Linux `notify-send` (libnotify) or else `gdbus` (GLib), which ask the desktop over its bus
(`org.freedesktop.Notifications`); on macOS `osascript`, on Windows PowerShell, which come with the
system. All words are ours and fixed: nothing that somebody wrote reaches a command line.
"""

import base64
import shutil
import sys
from collections.abc import Callable
from typing import Final

TITLE: Final = "Mesh"
WORDS: Final = "New message"

_CALL: Final = (
    *("call", "--session", "--dest", "org.freedesktop.Notifications"),
    *("--object-path", "/org/freedesktop/Notifications"),
    *("--method", "org.freedesktop.Notifications.Notify"),
)
_TOAST: Final = f"""\
$types = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, \
ContentType = WindowsRuntime]
$made = $types::GetTemplateContent('ToastText02')
$texts = $made.GetElementsByTagName('text')
$texts.Item(0).AppendChild($made.CreateTextNode('{TITLE}')) > $null
$texts.Item(1).AppendChild($made.CreateTextNode('{WORDS}')) > $null
$shell = '{{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}}\\WindowsPowerShell\\v1.0\\powershell.exe'
$types::CreateToastNotifier($shell).Show([Windows.UI.Notifications.ToastNotification, \
Windows.UI.Notifications, ContentType = WindowsRuntime]::new($made))
"""
"""A toast needs the name of a program that is in the start menu: PowerShell's own."""


def find_notice_command(which: Callable[[str], str | None] = shutil.which) -> list[str] | None:
    """Return the command that shows a notification; None where there is no program for it."""
    if sys.platform == "win32":
        program = which("powershell")
        # Encoded, so that no shell takes anything of it apart.
        script = base64.b64encode(_TOAST.encode("utf-16-le")).decode()
        options = ["-NoProfile", "-NonInteractive", "-EncodedCommand", script]
        return None if program is None else [program, *options]
    elif sys.platform == "darwin":
        program = which("osascript")
        script = f'display notification "{WORDS}" with title "{TITLE}"'
        return None if program is None else [program, "-e", script]
    else:
        if program := which("notify-send"):
            return [program, "--app-name", TITLE, "--category", "im.received", TITLE, WORDS]
        if program := which("gdbus"):
            hints = "{'category': <'im.received'>}"
            return [program, *_CALL, TITLE, "0", "", TITLE, WORDS, "[]", hints, "int32 -1"]
        return None
