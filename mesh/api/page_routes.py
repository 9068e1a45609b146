"""The routes of the local API for what a page shows of the process itself."""

from mesh.api.page_requests import (
    AskDoctor,
    AskProfiles,
    DrawQr,
    EstimatePassphrase,
    FindingsAnswer,
    ProfilesAnswer,
    QrAnswer,
    StrengthAnswer,
    Wipe,
)
from mesh.api.route import Route
from mesh.api.service_requests import AskService, ServiceAnswer, SetService
from mesh.api.share_requests import AskShare, CloseShare, OpenShare, ShareAnswer
from mesh.commands.answer import Done

PAGE_ROUTES = (
    Route(
        "POST",
        "/v1/qr",
        "The QR code of a text, as rows of modules",
        DrawQr,
        QrAnswer,
        scope="read",
    ),
    Route(
        "POST",
        "/v1/passphrase/estimate",
        "How strong a passphrase is, by an estimate; it is not kept",
        EstimatePassphrase,
        StrengthAnswer,
        ("busy", "bad-passphrase"),
    ),
    Route(
        "GET",
        "/v1/doctor",
        "Look at everything that a node needs: disk, databases, clock, networks, firewall",
        AskDoctor,
        FindingsAnswer,
        ("busy", "bad-address"),
        scope="admin",
    ),
    Route(
        "GET",
        "/v1/profiles",
        "The profiles of this computer, and whether a node runs in each",
        AskProfiles,
        ProfilesAnswer,
    ),
    Route(
        "POST",
        "/v1/wipe",
        "Remove this profile for ever, and stop; its keys are gone when this is answered",
        Wipe,
        Done,
        ("other-profile", "not-wiped", "copy-stays"),
        clears_site=True,
    ),
    Route(
        "GET",
        "/v1/service",
        "Whether the node starts when its person logs in, and who starts it",
        AskService,
        ServiceAnswer,
        scope="read",
    ),
    Route(
        "PATCH",
        "/v1/service",
        "Let the node start when its person logs in, or not, from the next login on",
        SetService,
        ServiceAnswer,
    ),
    Route(
        "GET",
        "/v1/share",
        "Whether Mesh itself is given away on the local network, where, and until when",
        AskShare,
        ShareAnswer,
    ),
    Route(
        "POST",
        "/v1/share",
        "Give Mesh away on the local network: open a door that whoever is on it can use",
        OpenShare,
        ShareAnswer,
        ("not-found", "no-network"),
    ),
    Route(
        "DELETE",
        "/v1/share",
        "Close that door",
        CloseShare,
        ShareAnswer,
    ),
)
