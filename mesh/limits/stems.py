"""Bounds of stems: mail and retirements that go over one link at a time before they spread."""

STEM_GO_ON_PERCENT = 80
"""So many posting keys of a hundred a node passes on, for each link by which they come; the others
spread there. Five hops in the mean: of 24 nodes with 4 links each one learns half as much as with
two hops, and a LAN takes some 20 ms longer."""

STEM_HOP_MEAN_MS = 2_500
"""A node waits so long in the mean, an exponential time, to hear of what it has passed on before
it spreads it itself: a hundred times as long as spreading takes, and bearable where a hop drops
it."""

STEM_AUTHOR_MEAN_MS = 5_000
"""The same where it began: mostly somebody else is the first to lose patience."""

STEM_PAUSE_MAX_MS = 30_000
"""None waits longer: one in four hundred would."""

STEM_RETIREMENT_MEANS = 2
"""A retirement that spreads is held back at every relay: who passed one on waits for so many times
the longest such delay more, in the mean, or every hop would lose patience before it hears of it."""

STEM_SETTLING_MS = 30_000
"""A node without links takes the first ones that it gets, for so long, to be as good as any."""

STEM_LINK_YOUNG_MS = 600_000
"""Later ones it leaves out for so long: who makes links to be the next hop has to keep them, and
each key that moves to another link is one more look at whose it is."""

STEM_DROPS_MAX = 3
"""After so many items in a row of which nothing was heard in time a link is passed over."""

STEM_DROPPED_PAUSE_MS = 600_000
"""For so long, or until it ends: further down the path somebody else may have dropped them."""

STEMS_MAX = 8_192
"""Items of others that wait to be heard of; further ones spread at once. They take a kilobyte
of memory each, and their bodies have their place in the store like any other."""

STEMS_PER_LINK_MAX = 1_024
"""Of them those that one link brought: with eight links no flood takes the room of the others."""
