// [04] [05] A conversation: its header, banner, stream and composer.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { guard } from "../../vendor/lit-html/directives/guard.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { askTimer } from "../acts.js";
import { post } from "../api.js";
import { doing, failure, here } from "../dom.js";
import { faceOf, groupOf, heardLately, isIn, may, membersOf } from "../groups.js";
import { icon } from "../icons.js";
import { heardLine, keyBeside, retractionLine, stateLine, trustChip } from "../marks.js";
import { did, didTime, GLYPHS, isLine } from "../memberships.js";
import { part, ready } from "../later.js";
import { outgoingOf } from "../outbox.js";
import { go, onArrival } from "../router.js";
import { aroundDrawing, change, state } from "../state.js";
import { load, markRead, more, STREAMS_MAX, streamOf } from "../stream.js";
import { loadDetails, loadPeers } from "../sync.js";
import { oneLine } from "../text.js";
import { openSearch } from "../seeking.js";
import { dayOf, dayTitle, exact, nowSeconds, time, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import { noticeBanner, silentBanner } from "./banners.js";
import { changeOf, pictureOf, rowMenu, titleOf } from "./chats.js";
import { composer, focusComposer } from "./composer.js";
import { apartWords, goneWords, message, ownTime } from "./message.js";

const JOINED_S = 300;
const NEAR_PX = 600;
const END_PX = 48;

export function conversationPart(each) {
  const contact = state.contacts.get(each.contact);
  const stream = streamOf(each.number);
  const isBoard = state.route.parts[0] === "board";
  return html`<header class="header">
      <a class="icon-button back" href="#/chats" aria-label=${t("back")}>${icon("arrow-left", 22)}</a>
      ${pictureOf(each, 36)}
      <div class="who"><div class="line"><h2 dir="auto">${titleOf(each)}</h2>${contact ? keyBeside(contact) : nothing}${contact ? trustChip(contact) : nothing}</div>
        <div class="sub">${contact ? html`${icon("history", 15)}<span>${heardLine(contact)}</span>` : each.kind === "group" ? groupLine(each) : html`<span>${t("me.hint")}</span>`}</div></div>
      ${each.kind === "group" ? boardTabs(each, isBoard) : each.reads === 1 ? nothing : html`<a class="icon-button beside" href=${isBoard ? `#/c/${each.number}` : `#/c/${each.number}/board`} aria-label=${t("board.title")} aria-current=${isBoard ? "true" : nothing}>${icon("layout-dashboard", 21)}</a>`}
      <button class="icon-button beside" aria-label=${t("search.here")} @click=${() => openSearch(each.number)}>${icon("search", 21)}</button>
      ${contact ? html`<a class="icon-button beside" href=${state.route.parts[0] === "person" ? `#/c/${each.number}` : `#/c/${each.number}/person`} aria-label=${t("person.title")} aria-current=${state.route.parts[0] === "person" ? "true" : nothing}>${icon("panel-right", 21)}</a>` : nothing}
      ${each.kind === "group" ? html`<a class="icon-button" href=${state.route.parts[0] === "group" ? `#/c/${each.number}` : `#/c/${each.number}/group`} aria-label=${t("group.title")} aria-current=${state.route.parts[0] === "group" ? "true" : nothing}>${icon("panel-right", 21)}</a>` : nothing}
      <button class="icon-button" aria-label=${t("more")} @click=${(event) => rowMenu(event, each)}>${icon("ellipsis-vertical", 21)}</button>
    </header>
    ${state.silentSince ? silentBanner() : html`${noticeBanner()}${part("situation")?.banner(each, contact)}`}
    ${state.search?.hits.length && state.search.at >= 0 ? part("search")?.findBar(each) : nothing}
    ${isBoard ? part("cards")?.boardPage(each) : streamPart(each, stream)}`;
}

/** How many are in a group, and were heard. */
function groupLine(each) {
  const group = groupOf(each.number);
  if (!group) return nothing;
  if (!isIn(group)) return html`<span>${t(`group.state.${group.state}`)}</span>`;
  if (state.route.parts[0] === "board") return html`${icon("layout-dashboard", 15)}<span>${t("board.title")} · ${t("asof", { t: time(nowSeconds()) })}</span>`;
  return html`${icon("users-round", 15)}<span>${t("group.members", { n: group.members_count })} · ${t("group.heard", { n: heardLately(membersOf(each.number)) })}</span>`;
}

const boardTabs = (each, isBoard) => html`<nav class="tabs of-chat" aria-label=${t("group.tabs")}>
  <a href=${`#/c/${each.number}`} aria-current=${isBoard ? nothing : "page"}>${icon("message-circle", 18)}<span>${t("group.chat")}</span></a>
  <a href=${`#/c/${each.number}/board`} aria-current=${isBoard ? "page" : nothing}>${icon("layout-dashboard", 18)}<span>${t("board.title")}</span></a></nav>`;

/** Why nothing can be written here; nothing where something can. */
function readOnly(each) {
  if (each.is_blocked) return html`<p class="read-only">${t("composer.blocked", { name: each.title })}</p>`;
  if (each.is_request) return html`<p class="read-only"><a href="#/people/requests">${t("composer.request", { name: each.title })}</a></p>`;
  const group = each.kind === "group" ? groupOf(each.number) : null;
  if (!group) return null;
  if (group.state === "invited") return html`<p class="read-only"><a href="#/people/requests">${t("composer.invited")}</a></p>`;
  if (["joining", "left", "removed", "closed"].includes(group.state)) return html`<p class="read-only">${t(`composer.${group.state}`)}</p>`;
  return may(group, "write") ? null : html`<p class="read-only">${t("composer.admins")}</p>`;
}

function streamPart(each, stream) {
  return html`${each.reads === 1 ? nothing : part("cards")?.noticeBar(each)}
    <div class="stream-wrap">
      <div class="scroll stream" tabindex="-1" @scroll=${() => scrolled(each.number)} data-rows=".message, .apart, .sealed">
        <div class="stream-inner" role="log" aria-label=${titleOf(each)} aria-live=${stream.atEnd && document.hasFocus() ? "polite" : "off"}>${items(each, stream)}</div>
      </div>
      ${stream.atEnd && !stream.hasNewer ? nothing : html`<button class="jump" @click=${() => toEnd(each.number)}>${icon("arrow-down", 18)}${stream.unseen ? t("stream.new", { n: stream.unseen }) : t("stream.newest")}</button>`}
    </div>
    ${stream.lateAbove.size ? html`<button class="chip care late-pill" @click=${() => { const [first] = stream.lateAbove; stream.lateAbove.clear(); show(each.number, first); }}>${icon("history", 15)}${t("stream.later", { n: stream.lateAbove.size })}</button>` : nothing}
    ${part("scheduled")?.strip(each)}
    ${readOnly(each) ?? composer(each)}`;
}

/** The items with what stands between them: days, gaps, the line of what is new. */
function items(each, stream) {
  if (stream.problem && !stream.items.length) return failure(stream.problem, () => load(each.number));
  if (!stream.loaded) return html`<div role="status" aria-busy="true" aria-label=${t("loading")}></div>`;
  const waiting = outgoingOf(each.number).map((entry) => ({ ...entry, number: entry.key, entry, isMine: true, state: entry.status === "refused" ? "refused" : "unsaved", kind: "text", received: 0 }));
  const all = stream.hasNewer ? stream.items : [...stream.items, ...waiting];
  if (!all.length) return html`<div class="empty"><p>${t("stream.empty")}</p>${each.kind === "direct" && state.contacts.get(each.contact)?.trust !== "verified" ? html`<p>${t("stream.begin", { name: each.title })}</p>` : nothing}</div>`;
  const ownLines = linesOf(all, each.kind);
  const told = state.route.parts[0] === "details" ? Number(state.route.parts[1]) : 0;
  const rows = [];
  let shownDay = "";
  let dayAt = 0;
  const notes = notesOf(each);
  const groups = all.some((item) => item.is_apart) ? part("groups") : null;
  const stretches = groups?.stretchesOf(all);
  const isFolded = ({ number }) => stretches?.has(number) && !groups.isUnfolded(stream, stretches.get(number));
  const tell = (until) => { while (notes.length && notes[0].at <= until) { const note = notes.shift(); if (!(stream.hasOlder && note.at < (all[0].received || all[0].sent))) rows.push({ key: `note ${note.at} ${note.kind}`, view: () => noteLine(note) }); } };
  all.forEach((item, index) => {
    const at = ownTime(item);
    tell((item.received || item.sent) - 1);
    if (dayOf(at) !== shownDay && at > dayAt) {
      shownDay = dayOf(at);
      dayAt = at;
      rows.push({ key: `day ${shownDay}`, view: () => html`<div class="day">${dayTitle(at)}</div>` });
    }
    if (item.missing_count) rows.push({ key: `gap ${item.number}`, view: () => html`<div class="divider gap" role="note"><span>${icon("ellipsis", 18)}${t("stream.gap", { n: item.missing_count })}</span></div>` });
    if (item.number === stream.newFrom) rows.push({ key: "new", view: () => html`<div class="divider new" role="separator"><span>${t("stream.new", { n: stream.newCount })}</span></div>` });
    const former = all[index - 1];
    const stretch = stretches?.get(item.number);
    if (stretch?.[0] === item) rows.push({ key: `apart ${item.number}`, view: () => groups.apartCard(each, stream, stretch) });
    if (isFolded(item)) return;
    if (isLine(item)) { rows.push({ key: item.number, view: () => (item.kind === "membership" ? membershipLine(item) : timerLine(each, item)) }); return; }
    const isJoined = former && !isLine(former) && !isFolded(former) && former.isMine === item.isMine && (item.isMine || former.author?.key === item.author?.key) && at - ownTime(former) < JOINED_S && !ownLines.has(former.number) && !item.missing_count && !former.reactions?.length;
    const line = ownLines.get(item.number);
    const face = each.kind === "group" && !item.isMine ? faceOf(each.number, item.author.key) : "";
    const isTold = told === item.number;
    // Two hundred messages are drawn with each letter that is typed: only what changed may cost.
    const depends = [item.entry?.status ?? item, isJoined, line?.words, line?.more, line?.hasNames, stream.flash === item.number, stream.unfolded?.has(item.number), stream.found, each.title, each.reads, face, isTold, state.members.get(each.number)];
    // A card says how long ago something was.
    if (item.files?.length) depends.push(ready("files"), item.files.map((file) => file.sent).join(" "));
    if (item.kind !== "text") depends.push(ready("cards"), Math.floor(nowSeconds() / 60));
    rows.push({ key: item.number, view: () => guard(depends, () => message(each, stream, item, { isJoined, line, face, isTold, jump: (number) => show(each.number, number) })) });
  });
  if (!stream.hasNewer) tell(Infinity);
  const contact = state.contacts.get(each.contact);
  return html`${stream.loading === "older" ? html`<p class="small" aria-busy="true">${t("loading")}</p>` : nothing}${repeat(rows, (row) => row.key, (row) => row.view())}
    ${contact?.sealed_count && !each.is_blocked ? html`<div class="under care sealed" role="group" tabindex="-1" aria-labelledby="sealed"><strong id="sealed">${t("stream.sealed", { n: contact.sealed_count })}</strong>${contact.sealed_until ? html` <span>${t("stream.sealed.day", { t: timeOfDay(contact.sealed_until) })}</span>` : nothing}${each.is_request ? nothing : html`<button @click=${doing(async () => { await post(`/v1/contacts/${contact.id}/block`, { is_blocked: false, opens_sealed: true }); await load(each.number); })}>${t("stream.sealed.open")}</button>`}</div>` : nothing}`;
}

/** Since when another timer holds, or a name: each item says under which it was written. */
const timerLine = (each, item) => html`<div class="event one ${item.is_apart ? "void" : ""}">${icon(item.renamed ? "info" : "timer", 16)}<span>${item.gone ? goneWords(item, each) : didTime(item)} · <time title=${exact(item.sent)}>${timeOfDay(item.sent)}</time>${item.is_apart ? html`<span class="care-line">${apartWords(item)}</span>` : nothing}</span>
  ${item.renamed || (each.kind === "group" && !may(groupOf(each.number), "timer")) ? nothing : html`<button class="link" tabindex="-1" @click=${() => askTimer(each)}>${t("change")}</button>`}</div>`;

/** What changed of a person and stands in the stream, oldest first. */
const notesOf = (each) => (state.details.get(each.contact)?.notes ?? []).filter((note) => note.kind === "renamed").sort((a, b) => a.at - b.at);
const noteLine = ({ at, sentence }) => html`<div class="event">${icon("info", 16)}<span><bdi>${oneLine(sentence, 400)}</bdi> · <time title=${exact(at)}>${timeOfDay(at)}</time></span></div>`;

/** What was done to the group itself. */
function membershipLine({ membership, received }) {
  if (!membership) return html`<div class="event">${icon("info", 16)}<span>${t("group.did.gone")}</span></div>`;
  const { counts, why, action } = membership;
  return html`<div class="event one ${counts ? "" : "void"}">${icon(counts ? GLYPHS[action] ?? "info" : "circle-x", 16)}<span>${did(membership)} · <time title=${exact(received)}>${timeOfDay(received)}</time>${counts ? nothing : html`<span class="care-line">${rich("group.void", { why })}</span>`}</span></div>`;
}

const ALWAYS_TOLD = new Set(["awaiting-key", "refused", "unsaved", "expired", "withdrawn", "delivered-then-withdrawn"]);

/** Which own messages bear a visible line; equal states in a row share that of the last. */
function linesOf(all, kind) {
  const lines = new Map();
  if (kind === "self") return lines;
  const own = all.filter((item) => item.isMine && !item.gone && !isLine(item));
  const newest = own.at(-1);
  all.forEach((item, index) => {
    if (item.gone) { if (item.retraction) lines.set(item.number, retractionLine(item.retraction)); return; }
    if (!item.isMine || isLine(item) || !(item === newest || ALWAYS_TOLD.has(item.state) || item.unanswered_since)) return;
    const next = all[index + 1];
    if (next?.isMine && !next.gone && next.state === item.state && (next === newest || ALWAYS_TOLD.has(next.state))) return;
    lines.set(item.number, stateLine(item));
  });
  return lines;
}

// ---- Where the stream stands on the screen ----

const scroller = () => document.querySelector(".stream");
let shown = 0;
let anchor = null;

aroundDrawing(() => {
  const box = scroller();
  anchor = null;
  if (!box || !shown || state.route.conversation !== shown) return;
  // At its end the stream stays there and nothing is measured: each letter that is typed draws too.
  if (!streamOf(shown).loaded || streamOf(shown).atEnd) return;
  const top = box.getBoundingClientRect().top;
  for (const element of box.querySelectorAll(".message")) {
    const place = element.getBoundingClientRect();
    if (place.bottom > top) { anchor = { number: element.dataset.number, offset: place.top - top }; break; }
  }
}, () => {
  const box = scroller();
  if (!box) { shown = 0; return; }
  const conversation = state.route.conversation;
  const stream = streamOf(conversation);
  if (!stream.loaded) return;
  const wanted = stream.flash && stream.flashPending ? box.querySelector(`[data-number="${stream.flash}"]`) : null;
  if (wanted) {
    stream.flashPending = false;
    wanted.scrollIntoView({ block: "center" });
    if ([stream.flashFrom, document.body].includes(document.activeElement)) wanted.focus({ preventScroll: true });
    const flashed = stream.flash;
    setTimeout(() => { if (stream.flash === flashed) stream.flash = 0; change(); }, 2000);
  } else if (shown !== conversation) {
    const line = box.querySelector(".divider.new");
    if (line) line.scrollIntoView({ block: "start" });
    else box.scrollTop = box.scrollHeight;
  } else if (stream.atEnd) {
    box.scrollTop = box.scrollHeight;
  } else if (anchor) {
    const element = box.querySelector(`[data-number="${anchor.number}"]`);
    if (element) box.scrollTop += element.getBoundingClientRect().top - box.getBoundingClientRect().top - anchor.offset;
  }
  if (shown !== conversation) { shown = conversation; settled(conversation); }
  else if (stream.atEnd && state.conversations.get(conversation)?.unread_count) see(conversation);
});

function measure(conversation) {
  const box = scroller();
  const stream = streamOf(conversation);
  if (!box) return stream;
  const left = box.scrollHeight - box.scrollTop - box.clientHeight;
  stream.atEnd = left < END_PX && !stream.hasNewer;
  return stream;
}

function settled(conversation) {
  const stream = measure(conversation);
  if (stream.atEnd) stream.unseen = 0;
  see(conversation);
}

let ticking = false;
function scrolled(conversation) {
  if (ticking) return;
  ticking = true;
  requestAnimationFrame(() => {
    ticking = false;
    const box = scroller();
    if (!box || state.route.conversation !== conversation) return;
    const wasAtEnd = streamOf(conversation).atEnd;
    const stream = measure(conversation);
    if (stream.atEnd) stream.unseen = 0;
    // Who is near an edge still when it came scrolls no more.
    const onward = async (direction) => { if (await more(conversation, direction)) change(() => scrolled(conversation)); };
    if (box.scrollTop < NEAR_PX) onward("older");
    if (box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX) onward("newer");
    if (wasAtEnd !== stream.atEnd) change();
    see(conversation);
  });
}

let seeing = 0;

/** What was on the screen, before somebody's eyes, is read. */
export function see(conversation) {
  clearTimeout(seeing);
  seeing = setTimeout(() => {
    const stream = state.streams.get(conversation);
    if (!stream?.loaded || state.route.conversation !== conversation || state.phase !== "ready") return;
    const box = scroller();
    const bottom = box?.getBoundingClientRect().bottom ?? 0;
    const visible = stream.atEnd ? 0 : Number([...(box?.querySelectorAll(".message") ?? [])].filter((element) => element.getBoundingClientRect().bottom <= bottom).at(-1)?.dataset.number ?? 0);
    if (!stream.atEnd && !visible) return;
    markRead(conversation, visible).catch(() => {});
    const each = state.conversations.get(conversation);
    if (each?.is_marked_unread && document.hasFocus()) changeOf(each, { is_marked_unread: false }).catch(() => {});
  }, 400);
}

async function toEnd(conversation) {
  const stream = streamOf(conversation);
  const isHere = here();
  if (stream.hasNewer) await load(conversation);
  stream.atEnd = true;
  stream.unseen = 0;
  change(() => isHere() && focusComposer());
}

/** Show one message, wherever it stands, and let it flash. */
export async function show(conversation, number) {
  const stream = streamOf(conversation);
  stream.flashFrom = document.activeElement;
  if (!stream.items.some((item) => item.number === number)) await load(conversation, number);
  stream.flash = number;
  stream.flashPending = true;
  stream.atEnd = false;
  change();
}

let former = 0;
onArrival((route) => {
  if (former && former !== route.conversation) {
    const left = state.streams.get(former);
    if (left) { left.newFrom = 0; left.newCount = 0; }
    // Only the last few stay at hand: a long day must not fill the memory.
    for (const number of [...state.streams.keys()].slice(0, -STREAMS_MAX)) if (number !== route.conversation) state.streams.delete(number);
  }
  const isAnother = former !== route.conversation;
  former = route.conversation;
  if (!route.conversation || state.phase !== "ready") return;
  const [kind, number] = route.parts;
  if (kind === "m") show(route.conversation, Number(number));
  else if (!streamOf(route.conversation).loaded) load(route.conversation);
  if (isAnother) {
    streamOf(route.conversation).atEnd = true;
    const contact = state.conversations.get(route.conversation)?.contact;
    if (contact) loadPeers().then(() => change(), () => {});
    if (contact) loadDetails(contact).then(() => change(), () => {});
    if (kind !== "m" && matchMedia("(hover: hover)").matches) change(focusComposer);
  }
});
for (const kind of ["focus", "pointerdown", "keydown"]) addEventListener(kind, () => { if (state.route.conversation) see(state.route.conversation); }, { passive: true });
