"""Bounds of the files of Mesh itself: manifests, the shared door, upgrades."""

MANIFEST_BYTES_MAX = 256 * 1024
"""A release has about a dozen files for each system, of 200 bytes each in its manifest."""

MANIFEST_FILES_MAX = 256
"""Files of one release: six systems with four each are 24."""

MANIFEST_SIGNATURES_MAX = 16
"""Each costs a tenth of a millisecond to check; a handful of people hold keys."""

MANIFESTS_MAX = 16
"""Manifests that are read in one folder: a stick has one or two releases."""

BUNDLE_FILE_BYTES_MAX = 1024 * 1024 * 1024
"""The largest file that belongs to a release; a bundle has 30 MB."""

KEYS_FILE_BYTES_MAX = 16 * 1024
"""A file of public keys: a hundred bytes each."""

SHARE_PORT = 41_731
"""Beside the node's own, so that an address can be typed; any free one where it is taken."""

SHARE_FILES_MAX = 256
"""Files that are offered: a release for all systems, and the wheels of 40 libraries."""

STICK_BYTES_MAX = 1024 * 1024 * 1024
"""Hashed of a stick, smallest files first: a release for all systems has 300 MB. Somebody's
may have a large file under every name, and a slow one gives 30 MB a second."""


SHARE_CONNECTIONS_MAX = 32
"""At a time: a room full of people, each of whom waits for a minute at most."""

SHARE_CONNECTIONS_PER_HOST_MAX = 6
"""As many as a browser opens, so that one laptop does not keep the others out."""

SHARE_CONNECTIONS_PER_IPV6_NETWORK_MAX = 24
"""Of all callers with addresses of one /64: one laptop can have any number of those, and the
address that people scan is one of IPv4, which keeps the other eight."""

SHARE_HEAD_BYTES_MAX = 8 * 1024
"""A browser's request has one or two KiB."""

SHARE_HEAD_MS = 10_000
"""Until a request must be there, and until an answer that is no file must be taken."""

SHARE_STALL_MS = 30_000
"""Until the next piece of a file must be taken: a bad Wi-Fi is gone for seconds."""

SHARE_BYTES_PER_SECOND_MIN = 8 * 1024
"""Who takes a file more slowly than this on the whole is cut off: a bundle may take an hour."""

SHARE_INTERFACES_MS = 1_000
"""For which a list of our interfaces holds: a flood of callers does not have it made each time."""

SHARE_PIECE_BYTES = 64 * 1024
"""A piece of a file: one is in memory for each connection."""

SHARE_SECONDS_MAX = 24 * 60 * 60
"""An open door is not forgotten for longer than a day; the page opens it for half an hour."""

SHARE_SECONDS_DEFAULT = 30 * 60
"""For which the page opens it: a few people with a slow Wi-Fi."""

UNPACKED_FILES_MAX = 20_000
"""Files of an unpacked bundle, which has 2,500."""

UNPACKED_BYTES_MAX = 1024 * 1024 * 1024
"""Of an unpacked bundle, which has 100 MB."""

UNPACKED_NAME_CHARACTERS_MAX = 512
"""Of a path in a bundle; the longest has about 120."""

UNPACKING_MEMORY_BYTES_MAX = 128 * 1024 * 1024
"""Of the decoder of xz: level 6 takes 9 MiB, level 9 takes 65 MiB."""

TRYING_OUT_SECONDS = 60
"""Until a new bundle must have told its version: a slow disk reads it for ten seconds."""
