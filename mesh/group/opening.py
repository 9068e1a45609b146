"""Opening what stands under a tag of somebody's chain, so that nobody but him uses anything up.

Implements `docs/protocol/group-keys.md`, section "Reading". All members have the keys of all
chains. What is wrongly signed, or by another than the owner of the chain, or not at its place,
raises PeerError and leaves the chain as it was; of the posting key that bore it nothing more is
opened that day.
"""

from dataclasses import dataclass

from mesh.crypto.signing import Verify
from mesh.errors import PeerError
from mesh.group.bodies import is_post, open_body, read_post
from mesh.group.chains import ReceivingChain, hello_message_key
from mesh.group.epochs import EpochId
from mesh.group.payload import GroupPayload, read_payload
from mesh.group.placed_posts import Hello, PlacedPost, check_place, decode_placed
from mesh.group.posts import GroupId, PostId
from mesh.ids import UnixSeconds, VerifyKey


@dataclass(frozen=True, slots=True)
class OpenedPost:
    """A post, and the id by which others name it."""

    id: PostId
    post: PlacedPost


Opened = GroupPayload | OpenedPost


@dataclass(frozen=True, slots=True)
class ChainReader:
    """The owner of a chain, in an epoch; `verify` is asked once for each envelope."""

    group: GroupId
    epoch: EpochId
    author: VerifyKey
    verify: Verify

    def open_number(
        self,
        chain: ReceivingChain,
        number: int,
        *,
        header: bytes,
        body: bytes,
        expiry_now: UnixSeconds,
    ) -> tuple[ReceivingChain, Opened]:
        """Open what stands at an expected number, and move the chain; PeerError changes nothing."""
        key = chain.message_key(number)
        if key is None:
            raise PeerError("a number of a chain that was used up")
        content = open_body(key, body, header=header)
        opened: Opened
        if is_post(content):
            opened = self._post(content, number, is_hello=False)
        else:
            opened = read_payload(
                content,
                header=header,
                group=self.group,
                author=self.author,
                verify=self.verify,
            )
        return chain.after_opening(number, expiry_now), opened

    def open_hello(
        self,
        chain: ReceivingChain,
        index: int,
        *,
        hello_key: bytes,
        header: bytes,
        body: bytes,
        expiry_now: UnixSeconds,
    ) -> tuple[ReceivingChain, Hello]:
        """The hello of an index, and the chain where it says that it stands."""
        content = open_body(hello_message_key(hello_key, index), body, header=header)
        hello = self._post(content, index, is_hello=True).post
        # What is no hello does not stand under its tags.
        assert isinstance(hello, Hello)
        return chain.standing_at(hello.next, expiry_now), hello

    def _post(self, content: bytes, number: int, *, is_hello: bool) -> OpenedPost:
        signed = read_post(content, group=self.group, author=self.author, verify=self.verify)
        post = decode_placed(signed.post)
        check_place(post, self.epoch, number, is_hello=is_hello)
        return OpenedPost(signed.id, post)
