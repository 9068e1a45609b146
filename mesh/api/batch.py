"""Many messages in one request, for programs: each stands alone, and all share one commit or few.

A message of a batch that is refused refuses none of the others; each item of the answer is the
message or the problem, in the order in which they were given.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from mesh.api.problems import Problem, problem_of
from mesh.commands.answer import Answer
from mesh.commands.fields import Conversation, SendKey, Text
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.errors import UserError
from mesh.limits.api import API_BATCH_MESSAGES_MAX


class Outgoing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a batch, with the fields of a single send."""

    contact: Conversation
    text: Text
    idempotency_key: SendKey = ""


@dataclass(frozen=True, slots=True)
class SendMessages:
    """Answer: SentMessages. Give each an idempotency key, so that the batch can be repeated."""

    messages: Annotated[
        list[Outgoing],
        Meta(extra_json_schema={"minItems": 1, "maxItems": API_BATCH_MESSAGES_MAX}),
    ]

    def commands(self) -> list[SendMessage]:
        """Return what is asked of the engine, one command for each message."""
        if not 1 <= len(self.messages) <= API_BATCH_MESSAGES_MAX:
            raise UserError(
                "bad-request",
                f"A batch has between 1 and {API_BATCH_MESSAGES_MAX} messages; split it.",
            )
        return [
            SendMessage(each.contact, each.text, each.idempotency_key) for each in self.messages
        ]


class SentMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one message: it is durable here, or it was refused."""

    message: MessageAnswer | None = None
    problem: Problem | None = None


class SentMessages(Answer, frozen=True, kw_only=True):
    """The result of each message, in the order in which they were given."""

    results: list[SentMessage]


def sent_messages(answers: list[Answer | UserError]) -> SentMessages:
    """Return the answers of the engine as the answer of the API."""
    results = []
    for answer in answers:
        if isinstance(answer, UserError):
            results.append(SentMessage(problem=problem_of(answer)))
        else:
            assert isinstance(answer, MessageAnswer)
            results.append(SentMessage(message=answer))
    return SentMessages(results=results)
