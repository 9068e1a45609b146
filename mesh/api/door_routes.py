"""The routes of the local API for who comes in: sessions of pages, tokens of programs."""

from mesh.api.proof import PROOF_PATH, AskProof, ProofAnswer
from mesh.api.route import Route
from mesh.api.sign_in import MakeSignInCode, SessionAnswer, SignIn, SignInCodeAnswer, SignOut
from mesh.api.tokens import AskTokens, MakeToken, RevokeToken, TokenAnswer, TokensAnswer
from mesh.commands.answer import Done

DOOR_ROUTES = (
    Route(
        "POST",
        "/v1/session/code",
        "Make a code by which a page signs in once, within a minute",
        MakeSignInCode,
        SignInCodeAnswer,
        ("no-door",),
    ),
    Route(
        "POST",
        "/v1/session",
        "Sign in: use a code up, and get the token of a session",
        SignIn,
        SessionAnswer,
        ("bad-code", "too-many"),
        scope="open",
    ),
    Route(
        "DELETE",
        "/v1/session",
        "Sign out: end the session of this token, or of all pages, with their streams",
        SignOut,
        Done,
        clears_site=True,
    ),
    Route(
        "POST",
        PROOF_PATH,
        "Prove to a command line that this is the door of its profile",
        AskProof,
        ProofAnswer,
        ("no-door",),
        scope="open",
    ),
    Route(
        "GET",
        "/v1/tokens",
        "The tokens of programs, and the pages that are signed in; never what lets in",
        AskTokens,
        TokensAnswer,
    ),
    Route(
        "POST",
        "/v1/tokens",
        "Make a token for a program; it is told in this answer and never again",
        MakeToken,
        TokenAnswer,
        ("exists", "too-many"),
    ),
    Route(
        "DELETE",
        "/v1/tokens/{token}",
        "Revoke a token; what is being told by it is cut",
        RevokeToken,
        Done,
        ("not-found",),
    ),
)
