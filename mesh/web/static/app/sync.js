// Keeps what the page knows in step with the daemon: loads it once, then lives on events.
import { get, isSignedIn, personIsHere, signIn, signOff } from "./api.js";
import { Follower } from "./events.js";
import { fetchPart, ready } from "./later.js";
import { endsByItself, Patience } from "./patience.js";
import { holdsSomething, lockDrafts, pump, saveDrafts, seeOwn } from "./outbox.js";
import { askKnocks, forgetMembers, hear, takeGroup } from "./groups.js";
import { change, forget, state } from "./state.js";
import { load, loadAhead, streamOf, take, takeFile, takeGone } from "./stream.js";
import { isLine } from "./memberships.js";
import { nowSeconds } from "./times.js";
import { announce } from "./dom.js";
import { t } from "./words.js";

const NOTICES_MAX = 8;
const AHEAD_MS = 2000;
const GREETED_MS = 1000;
const PHASES = { open: "ready", locked: "locked", empty: "first-run", none: "relay" };

const follower = new Follower({
  hello(isNew) {
    answered();
    if (isNew) loadAnew();
    else refreshStatus();
    pump();
    saveDrafts();
  },
  resync: () => { answered(); loadAnew(); pump(); saveDrafts(); },
  event: applyEvent,
  silent(wait) {
    if (!state.silentSince) state.silentSince = nowSeconds();
    state.retryAt = nowSeconds() + wait;
    change();
  },
  refused: (problem) => { if (problem.type === "signed-out") signedOut(); },
});

export async function start() {
  try {
    await signIn();
  } catch (problem) {
    if (problem.type !== "silent") { signedOut(); return; }
  }
  addEventListener("beforeunload", (event) => { if (holdsSomething()) event.preventDefault(); });
  addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && state.silentSince) retryNow(); });
  if (!isSignedIn()) { signedOut(); return; }
  await enter();
}

/** Ask how the node stands and show what fits. */
export async function enter() {
  // What was asked for before may say what held then.
  await loading;
  try {
    state.status = await get("/v1/status");
    answered();
  } catch (problem) {
    if (problem.type === "cancelled") return enter();
    if (problem.type === "signed-out") { signedOut(); return; }
    state.silentSince ||= nowSeconds();
    state.retryAt = nowSeconds() + 1;
    change();
    setTimeout(enter, 1000);
    return;
  }
  state.phase = PHASES[state.status.vault] ?? "ready";
  if (!follower.socket) {
    follower.start();
    // What is asked before the stream begins may be older than what that tells.
    await Promise.race([greeted, new Promise((resolve) => { setTimeout(resolve, GREETED_MS); })]);
  }
  if (state.phase === "ready") await loadAll();
  change();
}

export function signedOut() {
  signOff();
  follower.stop();
  forget();
  state.phase = "signed-out";
  change();
}

export const stopFollowing = () => follower.stop();
export const retryNow = () => { if (state.phase === "starting") enter(); else follower.retryNow(); };

function answered() {
  state.silentSince = 0;
  change();
}

let version;
let loading = null;
let isStale = false;
/** What events told while the lists were on their way: they may be older. */
let missed = null;
let greet;
const greeted = new Promise((resolve) => { greet = resolve; });
const patience = new Patience(() => { if (!state.silentSince && state.phase === "ready") loadAll(); });

/** Load everything that lists show; one at a time. */
export function loadAll() {
  loading ??= (async () => {
    do {
      isStale = false;
      await loadNow();
    } while (isStale);
  })().finally(() => { loading = null; });
  return loading;
}

/** What happened was missed: what is on its way may be older. */
function loadAnew() {
  isStale = true;
  greet();
  loadAll();
}

let form;
addEventListener("input", ({ target }) => { form = target.closest("form:not(.composer)"); });

/** An upgraded Mesh brings its page: it is loaded once nothing is written here that waits. */
function renew(newest) {
  if ((version ??= newest) === newest) return;
  if (holdsSomething() || state.dialog || form?.isConnected) soon("renew", () => renew(newest), 2000);
  else location.reload();
}

async function loadNow() {
  missed = [];
  try {
    state.status = await get("/v1/status");
    renew(state.status.version);
    const phase = PHASES[state.status.vault] ?? "ready";
    if (phase !== "ready") { if (state.phase === "ready") forget(); state.phase = phase; return; }
    const [identity, conversations, contacts, introductions, groups] = await Promise.all([
      get("/v1/identity"), get("/v1/conversations"), get("/v1/contacts"), get("/v1/introductions"), get("/v1/groups"),
    ]);
    patience.calm();
    state.phase = "ready";
    state.identity = identity;
    state.conversations = new Map(conversations.conversations.map((each) => [each.number, each]));
    state.contacts = new Map(contacts.contacts.map((each) => [each.id, each]));
    state.introductions = introductions.introductions;
    state.groups = new Map(groups.groups.map((each) => [each.conversation, each]));
    missed.forEach(takeAgain);
    missed = null;
    forgetMembers();
    for (const group of state.groups.values()) askKnocks(group);
    for (const number of state.groups.keys()) groupSeen(number);
    state.listed = true;
    state.listFailed = null;
    const open = state.route.conversation;
    for (const number of state.streams.keys()) if (number !== open) state.streams.delete(number);
    state.boards.clear();
    ready("scheduled")?.refreshScheduled();
    if (open) await load(open);
    soon("ahead", () => loadAhead(newestFirst()), AHEAD_MS);
    pump();
    saveDrafts();
  } catch (problem) {
    if (problem.type === "cancelled") return await loadNow();
    if (problem.type === "signed-out") signedOut();
    else {
      state.listFailed = problem;
      if (endsByItself(problem)) patience.later();
    }
  } finally { missed = null; change(); }
}

const writtenAt = ({ last_item: last }) => (last ? last.received || last.sent : 0);
const newestFirst = () => [...state.conversations.values()].filter((each) => !each.is_request && !each.is_blocked).sort((a, b) => b.is_pinned - a.is_pinned || writtenAt(b) - writtenAt(a)).map((each) => each.number);

const planned = new Map();

/** Run `work` once, a moment after the last call under this name. */
export function soon(name, work, milliseconds = 250) {
  clearTimeout(planned.get(name));
  planned.set(name, setTimeout(() => Promise.resolve(work()).catch(() => {}).finally(change), milliseconds));
}

const refreshStatus = () => soon("status", async () => {
  const known = noticed;
  state.status = await get("/v1/status");
  // A notice that came meanwhile is not in it.
  if (noticed === known) dropEnded();
});
const refreshConversation = (number, milliseconds) => soon(`conversation ${number}`, async () => {
  state.conversations.set(number, await get(`/v1/conversations/${number}`));
}, milliseconds);
const detailsAsked = new Map();

/** Ask what is known of a contact. Of two answers that holds which was asked for later. */
export async function loadDetails(id) {
  const asked = {};
  detailsAsked.set(id, asked);
  const details = await get(`/v1/contacts/${id}`);
  // An event may have told since that they are gone, or are called otherwise.
  if (!detailsAsked.has(id)) return details;
  if (asked.contact) details.contact = asked.contact;
  if (detailsAsked.get(id) === asked || !state.details.has(id)) state.details.set(id, details);
  return details;
}

const refreshDetails = (id) => soon(`details ${id}`, async () => {
  const { contact } = await loadDetails(id);
  if (state.contacts.has(id)) state.contacts.set(id, contact);
});

function applyEvent(event) {
  appliers[event.type]?.(event);
  ready("files")?.takeEvent(event);
  ready("people")?.takeEvent(event);
  missed?.push(event);
  change();
}

/** What an event told of the lists, once more. */
function takeAgain(event) {
  const { type, conversation, item } = event;
  if (/^(contact|group|introduction|identity)-|^conversation-changed/.test(type)) appliers[type]?.(event);
  else if (type === "comparison-changed") refreshConversation(event.comparison.contact);
  else if (type === "conversation-emptied") state.conversations.set(conversation.number, conversation);
  else if (item || type === "item-gone") refreshConversation(item?.conversation ?? conversation);
}

const appliers = {
  "item-added": ({ item }) => {
    if (item.author.is_mine) seeOwn(item);
    takeItem(item);
    if (!isLine(item) && !item.author.is_mine) { hear(item); arrived(item); }
  },
  "item-changed": ({ item }) => { takeItem(item, true); sayState(item); },
  "file-changed": ({ file }) => takeFile(file),
  "scheduled-changed": (event) => ready("scheduled")?.takeScheduled(event),
  "item-gone": ({ conversation, number, gone }) => { takeGone(conversation, number, gone); refreshConversation(conversation); },
  "contact-added": takeContact,
  "contact-changed": takeContact,
  "contact-noted": ({ contact }) => { takeContact({ contact }); if (detailsAsked.has(contact.id)) refreshDetails(contact.id); },
  "contact-removed": ({ id }) => { state.contacts.delete(id); state.conversations.delete(id); state.streams.delete(id); state.details.delete(id); detailsAsked.delete(id); forgetMembers(); refreshStatus(); },
  "conversation-changed": ({ conversation }) => {
    state.conversations.set(conversation.number, conversation);
    // Another page may have written it; what is being typed here is newer.
    if (!state.unsavedDrafts.has(conversation.number)) state.drafts.delete(conversation.number);
  },
  "conversation-emptied": ({ conversation: { number }, conversation }) => {
    state.conversations.set(number, conversation);
    state.drafts.delete(number);
    state.unsavedDrafts.delete(number);
    state.streams.delete(number);
    if (state.route.conversation === number) load(number);
  },
  "comparison-changed": ({ comparison }) => {
    const conversation = state.conversations.get(comparison.contact);
    if (conversation) conversation.comparison = comparison.state;
    tell("seeComparison", comparison);
    const details = state.details.get(comparison.contact);
    if (details) details.comparison = comparison;
    refreshDetails(comparison.contact);
  },
  "introduction-changed": ({ introduction }) => {
    const rest = (state.introductions ?? []).filter((each) => each.id !== introduction.id);
    state.introductions = [introduction, ...rest];
  },
  "group-invited": groupChanged,
  "group-added": ({ group }) => {
    groupChanged({ group });
    // What was said and done before has no events.
    state.boards.delete(group.conversation);
    if (state.streams.get(group.conversation)?.loaded) load(group.conversation);
  },
  "group-left": groupChanged,
  "group-changed": groupChanged,
  "group-knock": groupChanged,
  "group-letter": groupChanged,
  "group-noted": groupChanged,
  "identity-changed": ({ identity }) => { state.identity = identity; forgetMembers(); },
  "link-opened": linksChanged,
  "link-closed": linksChanged,
  "vault-locked": () => { forget(); lockDrafts(); state.attached.clear(); state.phase = "locked"; refreshStatus(); },
  "vault-unlocked": () => { enter(); },
  "disk-changed": ({ disk }) => { refreshStatus(); if (disk !== "full") pump(); },
  "notice": ({ sentence, lasts }) => { noticed += 1; if (lasts) standing.add(sentence); takeNotice(sentence); refreshStatus(); },
};

function linksChanged({ links_count: count }) {
  if (state.status) state.status.links_count = count;
  refreshStatus();
  // A link that is gone must not be told of: whoever asked for them once shows them.
  if (state.peers || state.route.section === "network") soon("peers", loadPeers, 400);
}

/** Ask which links stand, and since when. */
export async function loadPeers() {
  const { peers } = await get("/v1/peers");
  state.peers = peers.map((peer) => ({ ...peer, since: nowSeconds() - peer.connected_seconds }));
}

/** The newest first; few are enough for who was away. */
function takeNotice(sentence) {
  if (state.phase !== "ready") return;
  state.notices = [sentence, ...state.notices.filter((other) => other !== sentence)].slice(0, NOTICES_MAX);
}

/** What the status tells as long as it holds: it is told no more once that does not. */
const standing = new Set();
let noticed = 0;
const ENDED_MS = 10_000;

function dropEnded() {
  const now = state.status.notices;
  state.notices = state.notices.filter((sentence) => !standing.has(sentence) || now.includes(sentence));
  standing.clear();
  for (const sentence of state.notices) if (now.includes(sentence)) standing.add(sentence);
  if (standing.size) soon("ended", refreshStatus, ENDED_MS);
}

function groupChanged({ group }) {
  takeGroup(group);
  askKnocks(group);
  groupSeen(group.conversation);
  refreshConversation(group.conversation);
}

/** What of a group was looked at is asked anew. */
function groupSeen(number) {
  ready("groups")?.logChanged(number);
  ready("group_links")?.linksChanged(number);
}

function takeContact({ contact }) {
  const known = state.contacts.get(contact.id);
  state.contacts.set(contact.id, contact);
  const details = state.details.get(contact.id);
  if (details) details.contact = contact;
  const asked = detailsAsked.get(contact.id);
  if (asked) asked.contact = contact;
  if (!known || known.is_request !== contact.is_request || known.is_blocked !== contact.is_blocked || known.label !== contact.label) {
    refreshConversation(contact.id);
    refreshStatus();
    forgetMembers();
  }
  // Of whoever is blocked no introduction is shown.
  if (known && known.is_blocked !== contact.is_blocked) soon("introductions", async () => { state.introductions = (await get("/v1/introductions")).introductions; });
  const conversation = state.conversations.get(contact.id);
  if (conversation) conversation.unread_count = contact.unread_count;
}

/** What is told wherever somebody is: calls for help, and wishes to compare. */
const tell = (name, ...told) => fetchPart("notify").then((module) => module[name](...told), () => { /* the daemon fell silent */ });

function takeItem(item, isOld = false) {
  if (item.check_in) tell("seeHelp", item, state.streams.get(item.conversation)?.items.find(({ number }) => number === item.number), state.conversations.get(item.conversation)?.help_count);
  take(item);
  const number = item.conversation;
  const conversation = state.conversations.get(number);
  if (!conversation) { refreshConversation(number); return; }
  if (conversation.last_item?.number === item.number || (!isOld && !item.is_late)) conversation.last_item = item;
  if (!item.author.is_mine && !isOld && !isLine(item)) conversation.unread_count += 1;
  ready("cards")?.boardChanged(item);
  refreshConversation(number, 400);
}

let unsaid = 0;

function arrived(item) {
  const conversation = state.conversations.get(item.conversation);
  const isShown = state.route.conversation === item.conversation && !document.hidden && document.hasFocus();
  if (conversation?.is_request) refreshStatus();
  if (isShown && streamOf(item.conversation).atEnd) return;
  unsaid += 1;
  soon("announce", () => { announce(t("announce.new", { n: unsaid })); unsaid = 0; }, 1000);
  if ((conversation?.muted_until ?? 0) < nowSeconds() && !conversation?.is_request && !(isShown && personIsHere())) tell("notify", item);
}

let lastSaid = 0;
let saidState = "";

/** States are said of the newest own message only, and at most every five seconds. */
function sayState(item) {
  if (!item.author.is_mine || state.route.conversation !== item.conversation || Date.now() - lastSaid < 5000) return;
  const newest = streamOf(item.conversation).items.filter((other) => other.isMine && !other.gone && !isLine(other)).at(-1);
  const now = `${item.number} ${item.state} ${item.carriers}`;
  if (newest?.number !== item.number || now === saidState) return;
  lastSaid = Date.now();
  saidState = now;
  announce(t("announce.state", { name: state.conversations.get(item.conversation)?.title ?? "", state: t(`state.${item.state}`, { n: item.carriers }) }));
}
