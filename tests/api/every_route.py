"""Every route of the API against a real node, by what its document allows and forbids.

    python3 dev.py api [OPTIONS OF SCHEMATHESIS]

starts a node in a folder of its own, makes a contact, a group and messages in it, and lets
Schemathesis ask. No answer is a 5xx, each status and each body is one of the document, what it
forbids is refused, and all is answered in time. `LEFT_OUT` is asked by tests of its own.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest

from mesh.api.sign_in import MakeSignInCode, SignInCodeAnswer
from mesh.api.tokens import MakeToken, TokenAnswer
from mesh.commands.contacts import AddContact, ContactAnswer
from mesh.commands.groups import GroupAnswer, MakeGroup
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from tests.daemon.processes import Household

LEFT_OUT: Final = (
    *("/v1/stop", "/v1/wipe", "/v1/lock", "/v1/passphrase"),  # they end what is asked
    *("/v1/session", "/v1/tokens/{token}"),  # they take the right to ask
    "/v1/settings",  # a relay, or another port, at the next start
    "/v1/events",  # it has no end
)

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
ANSWERS_WITHIN_S: Final = 40

CONFIG: Final = (
    '[generation]\nmode = "all"\n[checks]\nenabled = false\n'
    + "".join(f"{check}.enabled = true\n" for check in CHECKS)
    + "negative_data_rejection.expected-statuses = "
    + "[400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 423, 429, 503, 507]\n"
)

SAYS_IN_ITS_ANSWER: Final = (
    "/v1/invites/inspect",
    "/v1/messages/batch",
    "/v1/passphrase/estimate",
    "/v1/unlock",
)
"""What is wrong is said in an answer of 200, of each part; what is open already stays open."""


def main() -> int:
    """Run it, and return the exit code of Schemathesis."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patched:
        household = Household(Path(place) / "home", patched)
        household.set({"HOME": place, "XDG_CONFIG_HOME": f"{place}/config"})
        try:
            return _asked(household)
        finally:
            household.close()


def _asked(household: Household) -> int:
    for name in ("anna", "ben"):
        household.make(name, "")
        household.start(name, name=name.title(), passphrase="")
    anna, ben = household.client("anna"), household.client("ben")
    invite = ben.ask(CreateInvite(), InviteAnswer)
    contact = anna.ask(AddContact(invite.link, "Ben"), ContactAnswer)
    anna.ask(SendMessage(str(contact.id), "for Ben"), MessageAnswer)
    group = anna.ask(MakeGroup("Crew"), GroupAnswer)
    anna.ask(SendMessage(str(group.conversation), "alone so far"), MessageAnswer)
    token = anna.ask(MakeToken("every-route", "admin"), TokenAnswer).token
    address = anna.ask(MakeSignInCode(as_file=False), SignInCodeAnswer).address
    config = household.home / "schemathesis.toml"
    config.write_text(CONFIG + "".join(map(_lenient, SAYS_IN_ITS_ANSWER)))
    program = Path(sys.executable).with_name("schemathesis")
    command = [
        str(program),
        "--config-file",
        str(config),
        "run",
        f"{address.partition('#')[0].rstrip('/')}/v1/openapi.json",
    ]
    command += ["--header", f"Authorization: Bearer {token}"]
    command += ["--phases", "coverage,fuzzing", "--continue-on-failure"]
    command += ["--request-timeout", str(ANSWERS_WITHIN_S)]
    for path in LEFT_OUT:
        command += ["--exclude-path", path]
    return subprocess.run([*command, *sys.argv[1:]], check=False, cwd=household.home).returncode


def _lenient(path: str) -> str:
    return (
        f'\n[[operations]]\ninclude-path = "{path}"\n'
        "checks.negative_data_rejection.enabled = false\n"
    )


if __name__ == "__main__":
    sys.exit(main())
