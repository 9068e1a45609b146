"""The routes of the local API for the node itself: its state, peers, lock and end."""

from mesh.api.own_requests import AskBackup, ChangePassphrase, Lock, Stop, Unlock
from mesh.api.route import Route
from mesh.commands.answer import Done
from mesh.commands.backup import BackupAnswer
from mesh.commands.peers import AddPeer, AskPeers, PeersAnswer, RemovePeer
from mesh.commands.settings import AskSettings, ChangeSettings, SettingsAnswer
from mesh.commands.status import AskStatus, StatusAnswer

NODE_ROUTES = (
    Route(
        "GET",
        "/v1/status",
        "The node in one look; works while locked",
        AskStatus,
        StatusAnswer,
        scope="read",
    ),
    Route(
        "GET",
        "/v1/peers",
        "Neighbours, candidates and configured addresses",
        AskPeers,
        PeersAnswer,
        scope="read",
    ),
    Route(
        "POST",
        "/v1/peers",
        "Remember an address to dial",
        AddPeer,
        Done,
        ("bad-address", "too-many"),
    ),
    Route(
        "DELETE",
        "/v1/peers",
        "Forget a configured address",
        RemovePeer,
        Done,
        ("bad-address", "not-found"),
    ),
    Route(
        "GET",
        "/v1/settings",
        "All settings, where each comes from and when it takes effect; works while locked",
        AskSettings,
        SettingsAnswer,
        ("bad-config",),
        scope="admin",
    ),
    Route(
        "PATCH",
        "/v1/settings",
        "Change settings, all or none; at once wherever that can be",
        ChangeSettings,
        SettingsAnswer,
        ("bad-config", "not-found", "decided"),
    ),
    Route(
        "POST",
        "/v1/unlock",
        "Open the vault with its passphrase",
        Unlock,
        Done,
        ("wrong-passphrase", "too-soon", "no-identity", "relay"),
    ),
    Route(
        "POST",
        "/v1/lock",
        "Close the vault; done at once if it is closed",
        Lock,
        Done,
        ("no-passphrase", "relay"),
    ),
    Route(
        "POST",
        "/v1/passphrase",
        "Change, set or remove the passphrase of the vault",
        ChangePassphrase,
        Done,
        ("wrong-passphrase", "too-soon", "no-identity", "bad-passphrase", "relay"),
    ),
    Route(
        "GET",
        "/v1/backup",
        "Whether backups have a passphrase, and the last automatic copy; works while locked",
        AskBackup,
        BackupAnswer,
    ),
    Route(
        "POST",
        "/v1/stop",
        "Stop the daemon",
        Stop,
        Done,
    ),
)
