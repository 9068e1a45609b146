// [03] The list of conversations, and what is shown before one is chosen [23].
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { askExport, askTimer, opener } from "../acts.js";
import { patch } from "../api.js";
import { avatar, groupPicture, ownAvatar } from "../avatar.js";
import { failure, openMenu, toast } from "../dom.js";
import { groupOf, invites, knocksCount } from "../groups.js";
import { icon } from "../icons.js";
import { keyBeside, markBeside, stateMark, trustIcon } from "../marks.js";
import { isLine, linePlain } from "../memberships.js";
import { draftOf, outgoingOf } from "../outbox.js";
import { go } from "../router.js";
import { openSearch } from "../seeking.js";
import { change, state } from "../state.js";
import { loadAll } from "../sync.js";
import { oneLine } from "../text.js";
import { exact, short } from "../times.js";
import { t } from "../words.js";
import { noticeBanner } from "./banners.js";
import { glimpse, goneWords } from "./message.js";

export const FOREVER = 253_402_300_799;

const recent = (each) => Math.max(each.last_item ? each.last_item.received || each.last_item.sent : 0, outgoingOf(each.number).at(-1)?.sent ?? 0);

/** In the archive, where nobody needs help. */
const isAway = (each) => each.is_archived && !each.help_count;

/** Pinned first, then the newest; archived at the end; without who waits apart or is blocked, and groups that one did not join. */
export function listed() {
  return [...state.conversations.values()].filter((each) => !each.is_request && !each.is_blocked && (each.last_item || groupOf(each.number)?.state !== "invited"))
    .sort((a, b) => isAway(a) - isAway(b) || b.is_pinned - a.is_pinned || recent(b) - recent(a) || a.number - b.number);
}

const isUnread = (each) => each.unread_count > 0 || each.is_marked_unread;
const FILTERS = { all: (each) => !isAway(each), unread: isUnread, groups: (each) => each.kind === "group" && !isAway(each), archived: (each) => each.is_archived };

export function chatList() {
  const all = listed();
  const rows = all.filter(FILTERS[state.filter]);
  return html`<header class="header"><h2>${t("nav.chats")}</h2>
      <button class="icon-button" aria-label=${t("chats.new")} @click=${newMenu}>${icon("plus", 22)}</button></header>
    ${all.length ? html`
    <button class="search-field" @click=${() => openSearch()}>${icon("search", 18)}<span class="grow">${t("search")}</span><kbd>Ctrl K</kbd></button>
    <div class="filters">${Object.keys(FILTERS).filter((name) => ["all", "unread"].includes(name) || all.some(FILTERS[name])).map((name) => html`
      <button class="filter" aria-pressed=${state.filter === name} @click=${() => { state.filter = name; change(); }}>${t(`chats.${name}`)}${name === "archived" ? count(all.filter((each) => each.is_archived && isUnread(each)).length) : nothing}</button>`)}</div>` : nothing}
    <div class="scroll" data-rows=".row:not(div)">
      ${noticeBanner()}
      ${state.status?.requests_count ? html`<a class="row short" href="#/people/requests"><span class="glyph">${icon("inbox", 21)}</span>
        <span class="text name">${t("chats.requests", { n: state.status.requests_count })}</span>${icon("chevron-right", 18)}</a>` : nothing}
      ${invites().length ? html`<a class="row short" href="#/people/requests"><span class="glyph">${icon("users-round", 21)}</span>
        <span class="text name">${t("chats.invites", { n: invites().length })}</span>${icon("chevron-right", 18)}</a>` : nothing}
      ${knocksCount() ? html`<a class="row short" href="#/people/requests"><span class="glyph">${icon("link", 21)}</span>
        <span class="text name">${t("chats.knocks", { n: knocksCount() })}</span>${icon("chevron-right", 18)}</a>` : nothing}
      ${state.listFailed ? failure(state.listFailed, loadAll) : nothing}
      ${!state.listed && !state.listFailed ? html`<div role="status" aria-busy="true" aria-label=${t("loading")}>${Array.from({ length: 6 }, () => html`<div class="skeleton"></div>`)}</div>` : nothing}
      ${repeat(rows, (each) => each.number, row)}
      ${state.listed && !rows.length ? html`<div class="empty"><p>${all.length ? t("chats.nonehere") : t("chats.none")}</p></div>` : nothing}
    </div>`;
}

const count = (n) => (n ? html` <span class="badge quiet">${n}<span class="unseen"> ${t("unread")}</span></span>` : nothing);

/** What is not to be overlooked, whatever was written last. */
const alarm = (each) => (each.help_count ? ["circle-alert", "danger", t("chats.help", { n: each.help_count })]
  : each.comparison === "failed" ? ["shield-alert", "danger", t("chats.failed")]
  : ["asked by them", "compare"].includes(each.comparison) ? ["eye", "care", t("chats.compare")] : null);

function alarmChip(each) {
  const [glyph, kind, words] = alarm(each) ?? [];
  return words ? html`<span class="chip ${kind}">${icon(glyph, 15)}${words}</span>` : nothing;
}

const newMenu = (event) => openMenu(event, [
  ["user-plus", t("menu.new.person"), () => go("#/people/add")],
  ["users-round", t("menu.new.group"), opener("groups", "askNew")],
  ["radio", t("menu.new.nearby"), () => go("#/people/nearby")],
  ["bookmark", t("menu.new.note"), () => { const me = ownNotes(); if (me) go(`#/c/${me.number}`); }],
]);

const ownNotes = () => [...state.conversations.values()].find((each) => each.kind === "self");
export const titleOf = (each) => (each.kind === "self" ? t("me.title") : each.title);
export const pictureOf = (each, size) => (each.kind === "self" ? ownAvatar(size) : each.kind === "group" ? groupPicture(each.title, groupOf(each.number)?.gid ?? "", size) : avatar(each.title, state.contacts.get(each.contact)?.key ?? "", size));

/** Who said the last word in a group. */
const speaker = (each, last) => (each.kind !== "group" || !last.author || (last.gone === "retracted") ? nothing : html`<bdi>${last.author.is_mine ? t("you") : last.author.label}</bdi>${markBeside(last.author, each.number)}: `);

/** How one stands in a group that one is not, or not yet, in. */
const standingOf = (each) => { const now = groupOf(each.number)?.state; return ["joining", "left", "removed"].includes(now) ? t(`group.state.${now}`) : ""; };

function row(each) {
  const contact = state.contacts.get(each.contact);
  const waiting = outgoingOf(each.number).at(-1);
  const last = waiting ? { ...waiting, state: waiting.status === "refused" ? "refused" : "unsaved", author: { is_mine: true } } : each.last_item;
  const isMuted = each.muted_until > Date.now() / 1000;
  const isCurrent = state.route.conversation === each.number;
  const draft = isCurrent ? "" : draftOf(each.number);
  const time = last ? last.received || last.sent : 0;
  return html`<a class="row ${isUnread(each) ? "unread" : ""}" href="#/c/${each.number}" aria-current=${isCurrent ? "page" : nothing} @contextmenu=${(event) => rowMenu(event, each)} @keydown=${(event) => { if (event.key === "F10" && event.shiftKey) rowMenu(event, each); }}>
    ${pictureOf(each, 44)}
    <span class="text">
      <span class="top"><bdi class="name">${titleOf(each)}</bdi>${contact ? keyBeside(contact) : nothing}${contact ? trustIcon(contact) : nothing}
        ${each.is_pinned ? html`<span title=${t("pinned")}>${icon("pin", 15)}<span class="unseen">${t("pinned")}</span></span>` : nothing}
        ${isMuted ? html`<span title=${t("muted")}>${icon("bell-off", 15)}<span class="unseen">${t("muted")}</span></span>` : nothing}
        ${time ? html`<time class="time" title=${exact(time)}>${short(time)}</time>` : nothing}</span>
      <span class="bottom">${draft ? html`<span class="draft">${t("chats.draft")}</span><bdi class="preview">${oneLine(draft, 120)}</bdi>`
        : last ? html`${last.author?.is_mine && each.kind !== "self" && !last.gone && !isLine(last) ? stateMark(last) : nothing}<span class="preview" dir="auto">${isLine(last) && !last.gone ? linePlain(last) : html`${speaker(each, last)}${last.gone || last.kind === "newer" ? goneWords({ ...last, isMine: last.author?.is_mine }, each) : glimpse(last)}`}</span>`
        : html`<span class="preview">${standingOf(each) || t("chats.nothing")}</span>`}
        ${alarmChip(each)}
        ${isUnread(each) ? html`<span class="badge ${isMuted ? "quiet" : ""}">${each.unread_count || "•"}<span class="unseen"> ${t("unread")}</span></span>` : nothing}</span>
    </span></a>`;
}

export const changeOf = (each, settings) => patch(`/v1/conversations/${each.number}`, settings).then((answer) => { state.conversations.set(each.number, answer); change(); });

export function rowMenu(event, each) {
  const isMuted = each.muted_until > Date.now() / 1000;
  openMenu(event, [
    each.is_pinned ? ["pin-off", t("menu.unpin"), () => changeOf(each, { is_pinned: false })] : ["pin", t("menu.pin"), () => changeOf(each, { is_pinned: true })],
    isMuted ? ["bell", t("menu.unmute"), () => changeOf(each, { muted_until: 0 })] : ["bell-off", t("menu.mute"), async () => { await changeOf(each, { muted_until: FOREVER }); toast(t("done.mute"), () => changeOf(each, { muted_until: 0 })); }],
    isUnread(each) ? null : ["mail-open", t("menu.unread"), () => changeOf(each, { is_marked_unread: true })],
    each.is_archived ? ["archive", t("menu.unarchive"), () => changeOf(each, { is_archived: false })] : ["archive", t("menu.archive"), async () => { await changeOf(each, { is_archived: true }); toast(t("done.archive"), () => changeOf(each, { is_archived: false })); }],
    ["timer", t("timer.title"), () => askTimer(each)],
    state.route.conversation === each.number ? ["search", t("search.here"), () => openSearch(each.number)] : null,
    each.reads === 1 ? null : ["layout-dashboard", t("board.title"), () => go(`#/c/${each.number}/board`)],
    ["download", t("menu.export"), () => askExport(each)],
    each.kind === "group" ? ["users-round", t("group.title"), () => go(`#/c/${each.number}/group`)] : null,
    each.kind === "direct" ? ["user-round", t("menu.person"), () => go(`#/c/${each.number}/person`)] : null,
  ]);
}

/** [23] What one can do first. */
export function begin() {
  const others = [...state.contacts.values()].filter((each) => !each.is_request).length;
  const notes = ownNotes();
  if (others) return html`<div class="empty">${icon("mesh", 40)}<p>${t("empty.pick")}</p></div>`;
  return html`<div class="scroll"><div class="empty begin">${icon("mesh", 40)}<h2>${t("first.welcome", { name: state.identity?.name ?? "" })}</h2>
    <p>${t("empty.chats", { n: state.status?.links_count ?? 0 })}</p>
    <div class="choices">${[["radio", "#/people/nearby", t("people.nearby"), t("empty.nearby")], ["qr-code", "#/people/add", t("empty.code.title"), t("empty.code")], ["clipboard-paste", "#/people/add/paste", t("empty.paste.title"), t("empty.paste")],
      ...(notes ? [["bookmark", `#/c/${notes.number}`, t("me.title"), t("me.hint")]] : [])].map(([glyph, target, title, text]) => html`
      <a class="card choice" href=${target}>${icon(glyph, 20)}<strong>${title}</strong><span>${text}</span></a>`)}</div></div></div>`;
}

