"""All that may be asked at the local API: commands of the engine, and requests of the daemon.

To load this loads every command. Who asks one question needs the types alone.
"""

from mesh.api.batch import SendMessages
from mesh.api.large_files import AddFileAt
from mesh.api.own_requests import (
    AskBackup,
    ChangePassphrase,
    Lock,
    MakeIdentity,
    Stop,
    Unlock,
)
from mesh.api.page_requests import AskDoctor, AskProfiles, DrawQr, EstimatePassphrase, Wipe
from mesh.api.proof import AskProof
from mesh.api.service_requests import AskService, SetService
from mesh.api.share_requests import AskShare, CloseShare, OpenShare
from mesh.api.sign_in import MakeSignInCode, SignIn, SignOut
from mesh.api.tokens import AskTokens, MakeToken, RevokeToken
from mesh.commands.command import Command
from mesh.commands.settings import AskSettings, ChangeSettings

Request = (
    Command
    | SendMessages
    | AddFileAt
    | MakeIdentity
    | AskSettings
    | ChangeSettings
    | Unlock
    | Lock
    | ChangePassphrase
    | AskBackup
    | Stop
    | MakeSignInCode
    | SignIn
    | SignOut
    | AskProof
    | MakeToken
    | AskTokens
    | RevokeToken
    | DrawQr
    | EstimatePassphrase
    | AskDoctor
    | AskProfiles
    | Wipe
    | AskService
    | SetService
    | AskShare
    | OpenShare
    | CloseShare
)
