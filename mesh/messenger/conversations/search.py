"""Searching: what a person typed, found in what is shown."""

from mesh.commands.search import HitAnswer, HitsAnswer, Search, SpanAnswer
from mesh.ids import Instant
from mesh.limits.api import NUMBER_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.conversations.search_terms import terms_of
from mesh.messenger.feature import Feature, command


class Searching:
    """Answers searches. Nothing is kept of them."""

    def __init__(
        self, account: Account, *, conversations: Conversations, message_pages: MessagePages
    ) -> None:
        self._rows = account.vault.search
        self._entries = account.vault.entries
        self._conversations = conversations
        self._message_pages = message_pages

    def feature(self) -> Feature:
        """The one command."""
        return Feature(commands=[command(Search, self._search)])

    def _search(self, asked: Search, now: Instant) -> HitsAnswer:
        terms = terms_of(asked.q)
        conversation = None
        if asked.conversation != "":
            conversation = self._conversations.conversation(asked.conversation).number
        numbers = self._rows.find(
            terms.expression,
            terms.pieces,
            conversation=conversation,
            before=NUMBER_MAX if asked.before is None else asked.before,
            limit=asked.limit + 1,
        )
        hits = []
        for number in numbers[: asked.limit]:
            item = self._message_pages.item(self._entries.message(number))
            spans = [
                SpanAnswer(start=start, length=length) for start, length in terms.spans(item.text)
            ]
            hits.append(HitAnswer(item=item, spans=spans))
        return HitsAnswer(hits=hits, has_more=len(numbers) > asked.limit)
