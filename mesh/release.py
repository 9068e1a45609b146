"""The release that this is, as the installed package says."""

from importlib import metadata


def release() -> str:
    """Return the version; `unknown` where Mesh runs from a tree that was never installed."""
    try:
        return metadata.version("mesh-messenger")
    except metadata.PackageNotFoundError:
        return "unknown"
