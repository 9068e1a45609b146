"""The routes of the local API for fetching files; their bytes are streams (`files.py`)."""

from mesh.api.large_files import AddFileAt
from mesh.api.route import NUMBERED, VAULT, Route
from mesh.commands.files import CancelFile, FetchFile, FileAnswer, PauseFile

FILE_ROUTES = (
    Route(
        "POST",
        "/v1/files/from-path",
        "Hand over a file that lies on the disk and stays there; over the unix socket only",
        AddFileAt,
        FileAnswer,
        (*VAULT, "bad-content", "bad-file", "bad-path", "no-room", "too-large", "too-many"),
    ),
    Route(
        "POST",
        "/v1/files/{file}/fetch",
        "Fetch what is missing of a file",
        FetchFile,
        FileAnswer,
        NUMBERED,
        scope="send",
    ),
    Route(
        "POST",
        "/v1/files/{file}/pause",
        "Fetch no more of a file for now; what is here of it stays",
        PauseFile,
        FileAnswer,
        NUMBERED,
        scope="send",
    ),
    Route(
        "POST",
        "/v1/files/{file}/cancel",
        "Fetch no more of a file and delete what is here of it, or what was handed over",
        CancelFile,
        FileAnswer,
        NUMBERED,
        scope="send",
    ),
)
