// The messages of a conversation that are at hand: a window of pages, in the daemon's order.
import { get, personIsHere, post } from "./api.js";
import { isLine } from "./memberships.js";
import { change, state } from "./state.js";

const PAGE = 50;
const WINDOW = 200;
/** Conversations at hand. */
export const STREAMS_MAX = 24;
const FETCHED_AHEAD = 20;

export function streamOf(conversation) {
  let stream = state.streams.get(conversation);
  if (!stream) {
    stream = { items: [], hasOlder: false, hasNewer: false, loaded: false, loading: "", problem: null, newFrom: 0, newCount: 0, atEnd: true, unseen: 0, lateAbove: new Set(), flash: 0, found: null, missed: [] };
    state.streams.set(conversation, stream);
  }
  return stream;
}

const asItem = (told) => ({ ...told, isMine: told.author.is_mine });
// What was deleted here alone is not shown at all.
const asItems = (told) => told.filter((each) => each.gone !== "forgotten").map(asItem);

/** When what an event told was taken, so that an answer to what was asked before does not undo it. */
const takenAt = new WeakMap();
let ticks = 0;
const keep = (stream, place, item) => { takenAt.set(item, ticks += 1); stream.items[place] = item; };

/** What was asked for at a tick, with what is known since. */
const withNewer = (stream, items, asked) => items.map((item) => stream.items.find((other) => other.number === item.number && takenAt.get(other) > asked) ?? item);

const page = (conversation, query) => get(`/v1/conversations/${conversation}/items`, { limit: PAGE, ...query });

/** Show the newest, or what stands around a message. */
export async function load(conversation, around = 0) {
  const stream = streamOf(conversation);
  stream.loading = "all";
  stream.problem = null;
  change();
  try {
    const asked = ticks;
    const answer = await page(conversation, around ? { around } : {});
    stream.items = withNewer(stream, asItems(answer.items), asked);
    stream.hasOlder = answer.has_older;
    stream.hasNewer = answer.has_newer;
    stream.loaded = true;
    stream.flash = around;
    const unread = state.conversations.get(conversation)?.unread_count ?? 0;
    if (!around && unread && !stream.newFrom) {
      const first = stream.items.filter((item) => !item.isMine && !isLine(item)).at(-unread);
      if (first) { stream.newFrom = first.number; stream.newCount = unread; }
    }
  } catch (problem) {
    stream.problem = problem;
  } finally {
    stream.loading = "";
    for (const work of stream.missed.splice(0)) work();
    change();
  }
}

/** An answer on its way may be older than what an event tells: `work` is done again when it is here. */
function after(stream, work) { if (stream?.loading === "all" || stream?.isSettling) stream.missed.push(work); }

/** Fetch the newest of the first conversations, one after the other: they can be read when the daemon falls silent. */
export async function loadAhead(numbers) {
  for (const number of numbers.slice(0, FETCHED_AHEAD)) {
    if (state.phase !== "ready" || state.silentSince) return;
    if (!streamOf(number).loaded && !streamOf(number).loading) await load(number);
  }
}

/** Go on in one direction, and let go of what is far away in the other; resolves to whether something came. */
export async function more(conversation, direction) {
  const stream = streamOf(conversation);
  const isOlder = direction === "older";
  if (stream.loading || !(isOlder ? stream.hasOlder : stream.hasNewer) || !stream.items.length) return false;
  stream.loading = direction;
  change();
  try {
    const edge = isOlder ? { before: stream.items[0].number } : { after: stream.items.at(-1).number };
    const answer = await page(conversation, edge);
    const known = new Set(stream.items.map((item) => item.number));
    const fresh = asItems(answer.items).filter((item) => !known.has(item.number));
    if (isOlder) {
      stream.items = [...fresh, ...stream.items];
      stream.hasOlder = answer.has_older;
      if (stream.items.length > WINDOW) { stream.items.length = WINDOW; stream.hasNewer = true; }
    } else {
      stream.items = [...stream.items, ...fresh];
      stream.hasNewer = answer.has_newer;
      if (stream.items.length > WINDOW) { stream.items.splice(0, stream.items.length - WINDOW); stream.hasOlder = true; }
    }
    return fresh.length > 0;
  } catch (problem) {
    stream.problem = problem;
    return false;
  } finally {
    stream.loading = "";
    change();
  }
}

/** An item came, was written, or more is known of it: this is the whole of it. */
export function take(told) {
  requote(told.conversation, told.number, told);
  const stream = state.streams.get(told.conversation);
  after(stream, () => (stream.items.some(({ number }) => number === told.number) ? take(told) : settleOrder(told.conversation)));
  if (!stream?.loaded) return;
  if (told.gone === "forgotten") { takeGone(told.conversation, told.number, told.gone); return; }
  const item = asItem(told);
  const place = stream.items.findIndex((other) => other.number === item.number);
  // Quotes follow.
  stream.items.forEach((other, at) => {
    if (other.reply?.number === item.number) keep(stream, at, { ...other, reply: { ...other.reply, text: item.text, gone: item.gone } });
  });
  if (place >= 0) {
    keep(stream, place, item);
    return;
  }
  if (stream.hasNewer) return;
  stream.items.push(item);
  if (!item.isMine && !isLine(item) && !stream.atEnd) stream.unseen += 1;
  // At the end nobody looks at what is far above.
  if (stream.items.length > 2 * PAGE && stream.atEnd) { stream.items.splice(0, stream.items.length - PAGE); stream.hasOlder = true; }
  settleOrder(told.conversation);
}

/** More is known of a file: of the item that it stands in, nothing else changes. */
export function takeFile(file) {
  for (const stream of state.streams.values()) putFile(stream, file);
}

function putFile(stream, file) {
  after(stream, () => putFile(stream, file));
  const place = stream.items.findIndex((item) => item.number === file.item);
  if (place >= 0) keep(stream, place, { ...stream.items[place], files: stream.items[place].files.map((other) => (other.number === file.number ? file : other)) });
}

/** A draft quotes what it replies to as that is now, and replies to nothing once it is gone. */
function requote(conversation, number, { text, gone }) {
  for (const held of [state.drafts.get(conversation), state.conversations.get(conversation)]) {
    if (held?.draft_reply?.number === number) held.draft_reply = gone ? null : { ...held.draft_reply, text };
  }
}

/** The words of an item are gone. */
export function takeGone(conversation, number, gone) {
  requote(conversation, number, { text: "", gone });
  const stream = state.streams.get(conversation);
  if (!stream) return;
  after(stream, () => takeGone(conversation, number, gone));
  if (gone === "forgotten") stream.items = stream.items.filter((item) => item.number !== number);
  stream.items.forEach((item, at) => {
    if (item.number === number) keep(stream, at, { ...item, gone, text: "", marks: [], mentions: [], files: [], reply: null, reactions: [] });
    else if (item.reply?.number === number) keep(stream, at, { ...item, reply: { ...item.reply, text: "", gone } });
  });
}

const settling = new Map();

/** The daemon has the order, and what came may stand further up: ask once it is calm. */
function settleOrder(conversation) {
  clearTimeout(settling.get(conversation));
  settling.set(conversation, setTimeout(async () => {
    const stream = state.streams.get(conversation);
    if (!stream?.loaded || stream.hasNewer) return;
    stream.isSettling = true;
    try {
      const asked = ticks;
      const answer = await page(conversation, {});
      const tail = withNewer(stream, asItems(answer.items), asked);
      const numbers = new Set(tail.map((item) => item.number));
      const head = stream.items.filter((item) => !numbers.has(item.number) && (!tail.length || before(item, tail[0])));
      const late = tail.filter((item) => item.is_late && !item.isMine);
      for (const item of late) if (!stream.items.some((other) => other.number === item.number)) stream.lateAbove.add(item.number);
      stream.items = [...head, ...tail];
      if (!head.length) stream.hasOlder = answer.has_older;
    } catch { /* the next event asks again */ }
    stream.isSettling = false;
    for (const work of stream.missed.splice(0)) work();
    change();
  }, 300));

  /** Items that stood before the page did keep their order. */
  function before(item, firstOfTail) {
    const stream = state.streams.get(conversation);
    const at = stream.items.findIndex((other) => other.number === firstOfTail.number);
    return at < 0 || stream.items.indexOf(item) < at;
  }
}

/** Say to the daemon that a person saw what stands up to `last` (a number; 0: all). */
export async function markRead(conversation, last = 0) {
  const known = state.conversations.get(conversation);
  if (!known?.unread_count || document.hidden || !document.hasFocus() || !personIsHere()) return;
  if (known.is_request || known.is_blocked) return;
  const stream = streamOf(conversation);
  const until = last || stream.items.at(-1)?.number;
  if (until) await post(`/v1/conversations/${conversation}/read`, { until });
}
