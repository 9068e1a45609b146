"""The words for what is done to a group itself: who made it, came, left, or changed what."""

from mesh.commands.groups import ChangedSetting, MembershipAnswer

_WORDS = {"added": "added", "removed": "removed"}


def sentence(one: MembershipAnswer) -> str:
    """Return what somebody did, in words; others wrote some of them."""
    by = "you" if one.is_mine else one.by
    said = f"{by} {_deed(one)}"
    return said if one.counts else f"{said} (does not count: {one.why})"


def _deed(one: MembershipAnswer) -> str:
    whom = ", ".join(one.whom)
    if one.is_about_me and len(one.whom) == 1:
        whom = "you"
    match one.action:
        case "created":
            names = [each.value for each in one.changes if each.setting == "name"]
            return f"made the group {names[0]}" if names else "made the group"
        case _ if one.is_keeping:
            return f"kept what came since of {whom}"
        case "role":
            is_own = (one.is_mine and one.is_about_me) or one.whom == [one.by]
            return f"stepped down: {one.role}" if is_own else f"made {whom} {one.role}"
        case "set":
            return ", ".join(map(_change, one.changes)) or "joined what was done at the same time"
        case "left":
            return "left"
        case "removed" if one.is_closing:
            return f"noted that {whom} left"
        case action:
            return f"{_WORDS[action]} {whom}"


def _change(change: ChangedSetting) -> str:
    match change.setting:
        case "name":
            return f"called the group {change.value}"
        case "about":
            return "changed what the group is for"
        case "closed":
            return "closed the group" if change.value == "yes" else "opened the group again"
        case setting:
            return f"set {setting} to {change.value}"
