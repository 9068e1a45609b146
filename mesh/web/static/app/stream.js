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
    stream = { items: [], hasOlder: false, hasNewer: false, loaded: false, loading: "", asking: 0, window: null, problem: null, newFrom: 0, newCount: 0, atEnd: true, unseen: 0, lateAbove: new Set(), flash: 0, found: null, missed: [] };
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

const since = (stream, number, asked) => stream?.items.find((item) => item.number === number && takenAt.get(item) > asked);

/** What was asked for at a tick, with what is known since. What is asked for later is newer than what an answer of before tells. */
const withNewer = (stream, items, asked) => items.map((item) => {
  const newer = since(stream, item.number, asked);
  if (!newer) takenAt.set(item, asked);
  return newer ?? item;
});

/** Take the item that `work` answers with, unless an event told more meanwhile. */
export async function taking(work) {
  const asked = ticks += 1;
  const item = await work;
  if (!since(state.streams.get(item.conversation), item.number, asked)) take(item);
  return item;
}

const page = (conversation, query) => get(`/v1/conversations/${conversation}/items`, { limit: PAGE, ...query });

/** Wait for `work`. Its answer may be older than what events tell meanwhile: that is taken again behind it. */
async function asking(stream, work) {
  stream.asking += 1;
  try { return await work(); } catch (problem) { stream.problem = problem; } finally {
    stream.asking -= 1;
    if (!stream.asking) for (const again of stream.missed.splice(0)) again();
    change();
  }
}

function after(stream, work) { if (stream?.asking) stream.missed.push(work); }

/** Show the newest, or what stands around a message. */
export async function load(conversation, around = 0) {
  const stream = streamOf(conversation);
  const window = stream.window = {};
  stream.loading = "all";
  stream.problem = null;
  change();
  const asked = ticks += 1;
  await asking(stream, async () => {
    try {
      const answer = await page(conversation, around ? { around } : {});
      if (stream.window !== window) return;
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
    } finally { if (stream.window === window) stream.loading = ""; }
  });
}

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
  const { window } = stream;
  return await asking(stream, async () => {
    try {
      const edge = isOlder ? { before: stream.items[0].number } : { after: stream.items.at(-1).number };
      const answer = await page(conversation, edge);
      if (stream.window !== window) return false;
      const known = new Set(stream.items.map((item) => item.number));
      const fresh = asItems(answer.items).filter((item) => !known.has(item.number));
      if (isOlder) {
        stream.items = [...fresh, ...stream.items];
        stream.hasOlder = answer.has_older;
        if (stream.items.length > WINDOW) { stream.items.length = WINDOW; stream.hasNewer = true; stream.window = {}; }
      } else {
        stream.items = [...stream.items, ...fresh];
        stream.hasNewer = answer.has_newer;
        if (stream.items.length > WINDOW) { stream.items.splice(0, stream.items.length - WINDOW); stream.hasOlder = true; }
      }
      return fresh.length > 0;
    } finally { if (stream.loading === direction) stream.loading = ""; }
  }) ?? false;
}

/** An item came, was written, or more is known of it. */
export function take(told) {
  requote(told.conversation, told.number, told);
  const stream = state.streams.get(told.conversation);
  after(stream, () => (stream.items.some(({ number }) => number === told.number) ? take(told) : settleOrder(told.conversation)));
  if (!stream?.loaded) return;
  if (told.gone === "forgotten") { takeGone(told.conversation, told.number, told.gone); return; }
  const item = asItem(told);
  const place = stream.items.findIndex((other) => other.number === item.number);
  stream.items.forEach((other, at) => {
    if (other.reply?.number === item.number) keep(stream, at, { ...other, reply: { ...other.reply, text: item.text, gone: item.gone } });
    if (item.renamed && !other.isMine && other.author?.key === item.author.key) keep(stream, at, { ...other, author: item.author });
  });
  if (place >= 0) { keep(stream, place, item); return; }
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

/** What came may stand further up: ask once it is calm. */
function settleOrder(conversation) {
  clearTimeout(settling.get(conversation));
  settling.set(conversation, setTimeout(async () => {
    const stream = state.streams.get(conversation);
    if (!stream?.loaded || stream.hasNewer) return;
    const { window } = stream;
    await asking(stream, async () => {
      const asked = ticks += 1;
      const answer = await page(conversation, {}).catch(() => null);
      // Lost: the next event asks again. Or somebody is elsewhere by now.
      if (!answer || stream.window !== window || stream.hasNewer) return;
      const tail = withNewer(stream, asItems(answer.items), asked);
      const numbers = new Set(tail.map((item) => item.number));
      const known = new Set(stream.items.map((item) => item.number));
      const end = tail.length ? stream.items.findIndex((item) => item.number === tail[0].number) : Infinity;
      const head = stream.items.filter((item, at) => at < end && !numbers.has(item.number));
      for (const item of tail) if (item.is_late && !item.isMine && !known.has(item.number)) stream.lateAbove.add(item.number);
      stream.items = [...head, ...tail];
      if (!head.length) stream.hasOlder = answer.has_older;
    });
  }, 300));
}

/** Say to the daemon that a person saw what stands up to `last` (a number; 0: all). */
export async function markRead(conversation, last = 0) {
  const known = state.conversations.get(conversation);
  if (!known?.unread_count || known.is_request || known.is_blocked || document.hidden || !document.hasFocus() || !personIsHere()) return;
  const until = last || streamOf(conversation).items.at(-1)?.number;
  if (until) await post(`/v1/conversations/${conversation}/read`, { until });
}
