"""`GET /v1/conversations/{conversation}/export`: one conversation as a file, as a stream.

Implements `docs/api.md`, section "Exports". The node is asked page by page, so nobody's history is
in memory as a whole, and nothing is marked as read. What disappears by itself is left out, and
counted. A file that is cut short shows it: JSON does not end, and neither does the page.
"""

import time
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from mesh.api.asgi import Receive, Scope
from mesh.api.carry import CarryEndpoint, Sending
from mesh.api.export_html import HtmlWriter
from mesh.api.parsing import path_fields, query_fields
from mesh.commands.answer import Answer
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.item_commands import AskItems
from mesh.commands.item_people import PeopleAsked, is_cut, with_all
from mesh.commands.items import ItemAnswer, ItemPeopleAnswer, ItemsAnswer
from mesh.errors import UserError
from mesh.limits.api import API_CHUNK_BYTES
from mesh.limits.search import EXPORT_ITEMS_PER_PIECE

EXPORT_FORMAT = "mesh-conversation"
EXPORT_VERSION = 1


class Writer(Protocol):
    """A form of the file. What it returns goes into it one after the other."""

    media_type: bytes
    suffix: str

    def begin(self, conversation: ConversationAnswer, made: int) -> str:
        """Return what stands before all items. `made` is in Unix seconds."""
        ...

    def item(self, item: ItemAnswer) -> str:
        """Return an item."""
        ...

    def end(self, left_out_count: int) -> str:
        """Return what stands behind all items."""
        ...


class ConversationExport(CarryEndpoint):
    """The stream, in one of two forms."""

    method = "GET"

    async def stream(self, scope: Scope, receive: Receive, sending: Sending) -> bytes | Answer:
        named = path_fields(scope["path_params"])["conversation"]
        writer = writer_of(query_fields(scope["query_string"]))
        conversation = await self.carrier.ask(AskConversation(named))
        assert isinstance(conversation, ConversationAnswer)
        name = f"conversation-{conversation.number}.{writer.suffix}"
        gathered = writer.begin(conversation, int(time.time()))
        left_out_count = 0
        async for item in self._items(conversation.number):
            if item.timer and not item.gone:
                left_out_count += 1
                continue
            # Of what disappears no word is to be left once it is over, in no quote either. An
            # answer may stand before what it answers to, if its author says so.
            if item.reply is not None and item.reply.timer:
                quoted = msgspec.structs.replace(item.reply, text="")
                item = msgspec.structs.replace(item, reply=quoted)
            gathered += writer.item(item)
            if len(gathered) >= API_CHUNK_BYTES:
                await sending.begin(media_type=writer.media_type, name=name)
                await sending.piece(gathered.encode())
                gathered = ""
        await sending.begin(media_type=writer.media_type, name=name)
        return (gathered + writer.end(left_out_count)).encode()

    async def _items(self, conversation: int) -> AsyncIterator[ItemAnswer]:
        """Yield all items, the first first."""
        after, has_newer = 0, True
        while has_newer:
            asked = AskItems(conversation, after=after, limit=EXPORT_ITEMS_PER_PIECE)
            page = await self.carrier.ask(asked)
            assert isinstance(page, ItemsAnswer)
            for item in page.items:
                yield await self._whole(item) if is_cut(item) else item
            has_newer = page.has_newer and bool(page.items)
            after = page.items[-1].number if page.items else after

    async def _whole(self, item: ItemAnswer) -> ItemAnswer:
        """Return an item that names all who have a part in it."""
        asked = PeopleAsked(item.number)
        while asked.has_more:
            try:
                page = await self.carrier.ask(asked.question())
            except UserError as error:
                if error.kind not in ("gone", "not-found"):
                    raise
                # It was deleted since it was asked for: then it stands there as it was.
                return item
            assert isinstance(page, ItemPeopleAnswer)
            asked.add(page)
        return with_all(item, asked.people)


class JsonWriter:
    """One JSON object, an item a line."""

    media_type = b"application/json"
    suffix = "json"

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._is_first = True

    def begin(self, conversation: ConversationAnswer, made: int) -> str:
        head = {
            "format": EXPORT_FORMAT,
            "version": EXPORT_VERSION,
            "exported": made,
            "conversation": {
                "number": conversation.number,
                "kind": conversation.kind,
                "title": conversation.title,
            },
        }
        return self._encode(head)[:-1] + ',"items":['

    def item(self, item: ItemAnswer) -> str:
        before, self._is_first = "\n" if self._is_first else ",\n", False
        return before + self._encode(item)

    def end(self, left_out_count: int) -> str:
        return f'\n],"left_out_count":{left_out_count}}}\n'

    def _encode(self, value: object) -> str:
        return self._encoder.encode(value).decode()


def writer_of(fields: dict[str, str]) -> Writer:
    """Return the writer of the form that a query names."""
    form, folder = fields.pop("as", "json"), fields.pop("folder", "")
    for name in fields:
        raise UserError("bad-request", f"There is no field `{name[:64]}` here.")
    match form:
        case "json":
            return JsonWriter()
        case "html":
            return HtmlWriter(folder)
        case _:
            raise UserError("bad-request", "`as` is `json` or `html`.")
