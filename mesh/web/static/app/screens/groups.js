// [09] Groups: making one, answering to an invite, and the panel of who is in one and what each may.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { ask, get, patch, post, remove } from "../api.js";
import { avatar, groupPicture } from "../avatar.js";
import { closeDialog, confirm, doing, failure, here, openDialog, openMenu, toast } from "../dom.js";
import { faceOf, groupOf, invites, isAtLeast, isIn, may, membersOf, once, RANKS, takeGroup } from "../groups.js";
import { icon } from "../icons.js";
import { part } from "../later.js";
import { keyStart, markBeside, trustIcon } from "../marks.js";
import { did, GLYPHS } from "../memberships.js";
import { go } from "../router.js";
import { openSearch } from "../seeking.js";
import { choiceRow, switchRow, valueRow } from "../setting_rows.js";
import { change, onForget, state } from "../state.js";
import { age, day, lasts, nowSeconds, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import "../words_more.js";
import { changeOf, FOREVER } from "./chats.js";
import { openForm } from "./create.js";
export { apartCard, isUnfolded, stretchesOf } from "./apart.js";
import { filesPart, filesRow, isFiles, panelHeader } from "./details.js";
import { textRow } from "./text_row.js";

const NAME_BYTES_MAX = 64;
const ASKED_MAX = 64;
const SHOWN = 8;
const LOG_PAGE = 20;
const TIMERS = [0, 3600, 86_400, 604_800];
const bytes = new TextEncoder();

/** Keep what an answer told. */
const changed = (group) => { takeGroup(group); change(); };

// ---- Making one, and asking people in ----

/** Contacts who can be asked in: they have answered, and are let in. */
const askable = () => [...state.contacts.values()].filter((each) => !each.is_request && !each.is_blocked && each.state === "answered").sort((a, b) => a.label.localeCompare(b.label));

/** A list to tick people in; with many of them, a field to find one. */
function picker(people, first = []) {
  const chosen = new Set(first);
  let sought = "";
  const view = () => {
    const found = people.filter((each) => each.label.toLocaleLowerCase().includes(sought.toLocaleLowerCase()));
    return html`${people.length > SHOWN ? html`<div class="field"><label for="pick-find">${t("people.search")}</label><input type="search" id="pick-find" .value=${sought} @input=${(event) => { sought = event.target.value; change(); }}></div>` : nothing}
      <fieldset class="choose many"><legend>${t("group.who")}</legend>${found.map((each) => html`<label class="row short"><input type="checkbox" .checked=${chosen.has(each.id)} @change=${(event) => { event.target.checked ? chosen.add(each.id) : chosen.delete(each.id); change(); }}>
        ${avatar(each.label, each.key, 36)}<span class="text name"><bdi>${each.label}</bdi></span>${trustIcon(each)}</label>`)}
      ${people.length ? nothing : html`<p class="small">${t("group.who.none")}</p>`}</fieldset>`;
  };
  return { chosen, view };
}

const nameField = (value = "") => html`<div class="field"><label for="group-name">${t("group.name")}</label><input type="text" id="group-name" name="name" autofocus required dir="auto" autocomplete="off" maxlength="64" .value=${value}
  @input=${({ target }) => target.setCustomValidity(bytes.encode(target.value.trim()).length > NAME_BYTES_MAX ? t("err.bad-name") : "")}></div>`;

/** Ask people in, so many at a time; `asked` has those who were, and are not asked again where the rest failed. */
async function askAll(conversation, ids, asked, more = {}) {
  const left = ids.filter((id) => !asked.has(id));
  for (let at = 0; at < left.length; at += ASKED_MAX) {
    const some = left.slice(at, at + ASKED_MAX);
    changed(await post(`/v1/groups/${conversation}/members`, { contacts: some, ...more }));
    for (const id of some) asked.add(id);
  }
}

/** Who was ticked for a group that is not made yet. */
let ticked = new Set();
onForget(() => { ticked = new Set(); });

export function askNew() {
  const people = askable();
  const { chosen, view } = picker(people, people.map((each) => each.id).filter((id) => ticked.has(id)));
  ticked = chosen;
  // What was done stays done where the rest fails: no second group is made.
  let made = null;
  // Groups that were there before a request whose answer was lost: it may have made one.
  let before = null;
  const asked = new Set();
  openForm({
    as: "group", title: t("group.new"), acts: t("group.make"),
    view: () => html`${nameField()}${view()}
      <div class="field"><label for="group-timer">${t("timer.title")}</label><select id="group-timer" name="timer">${TIMERS.map((seconds) => html`<option value=${seconds}>${seconds ? t("timer.after", { time: lasts(seconds) }) : t("timer.off")}</option>`)}</select></div>
      <p class="small">${t("group.new.means")}</p>`,
    act: async (data) => {
      const name = data.get("name").trim();
      const ids = [...chosen].map(String);
      if (!made && before) made = (await get("/v1/groups")).groups.find((each) => each.role === "owner" && !before.has(each.conversation)) ?? null;
      if (!made) {
        const there = new Set(state.groups.keys());
        try {
          made = await post("/v1/groups", { name, contacts: ids.slice(0, ASKED_MAX) });
        } catch (problem) {
          if (["silent", "timeout"].includes(problem.type)) before = there;
          throw problem;
        }
        for (const id of ids.slice(0, ASKED_MAX)) asked.add(id);
      } else if (made.name !== name) made = await patch(`/v1/groups/${made.conversation}`, { name });
      changed(made);
      await askAll(made.conversation, ids, asked);
      if (Number(data.get("timer"))) await post(`/v1/conversations/${made.conversation}/timer`, { seconds: Number(data.get("timer")) });
      state.conversations.set(made.conversation, await get(`/v1/conversations/${made.conversation}`));
      if (ticked === chosen) ticked = new Set();
      return () => go(`#/c/${made.conversation}`);
    },
  });
}

function askIn(group) {
  const known = new Set([...membersOf(group.conversation).values()].map((member) => member.contact));
  const { chosen, view } = picker(askable().filter((each) => !known.has(each.id) && !group.invited.includes(each.label)));
  const asked = new Set();
  openForm({
    title: t("group.add"), acts: t("group.ask"),
    view: () => html`${view()}<div class="field"><label for="group-note">${t("group.note")}</label><input type="text" id="group-note" name="note" maxlength="300" dir="auto"></div><p class="small">${t("group.ask.means")}</p>`,
    act: async (data) => {
      const ids = [...chosen].map(String);
      if (!ids.length) throw { type: "nobody" };
      await askAll(group.conversation, ids, asked, { note: data.get("note").trim() });
      toast(t("group.asked", { n: ids.length }));
    },
  });
}

// ---- [12] Being asked in ----

/** The groups into which one was asked, as cards among the requests. */
export const inviteCards = () => invites().map((group) => {
  const accept = doing(async () => { const isHere = here(); changed(await post(`/v1/groups/${group.conversation}/accept`)); toast(t("group.accepted")); if (isHere()) go(`#/c/${group.conversation}`); });
  const decline = doing(async () => {
    await post(`/v1/groups/${group.conversation}/decline`);
    state.groups.delete(group.conversation);
    state.conversations.delete(group.conversation);
    toast(t("group.declined"));
  });
  return html`<article class="card request" aria-label=${group.name}>${groupPicture(group.name, group.gid, 44)}<div class="grow">
    <div class="line"><bdi>${group.name}</bdi><span class="chip">${icon("users-round", 15)}<span>${t("group.members", { n: group.members_count })}</span></span></div>
    <p class="small">${rich("group.invite.by", { name: group.inviter })}</p>
    ${group.note ? html`<p class="saying" dir="auto">${group.note}</p>` : nothing}
    <p class="small">${t("group.invite.means")}</p>
    <div class="buttons"><button class="button main" @click=${accept}>${t("group.accept")}</button><button class="button" @click=${decline}>${t("group.decline")}</button></div></div></article>`;
});

// ---- [09] The panel ----

/** Whether one has more power than a member: it runs strictly downwards. */
const isAbove = (group, member) => isAtLeast(group, "admin") && RANKS[group.role] > RANKS[member.role];

/** Pages of what was done, by group: the newest last. */
const logs = new Map();
const shownAll = new Set();
onForget(() => { logs.clear(); shownAll.clear(); });

/** The newest of what was done, or with `before` what was done before that. */
async function askLog(conversation, before = 0) {
  const { locks } = state;
  const known = logs.get(conversation);
  if (!known) logs.set(conversation, { operations: [], hasMore: false, problem: null });
  try {
    const { operations, has_more } = await get(`/v1/groups/${conversation}/log`, { before, limit: LOG_PAGE });
    logs.set(conversation, { operations: before ? [...operations, ...known.operations] : operations, hasMore: has_more, problem: null });
  } catch (problem) { if (state.locks === locks) logs.set(conversation, { operations: [], hasMore: false, problem }); }
  change();
}

/** Ask for the log anew if somebody looked at it. */
export function logChanged(conversation) {
  if (logs.has(conversation)) once("log", conversation, () => askLog(conversation));
}

export function groupPanel(each) {
  const group = groupOf(each.number);
  const close = `#/c/${each.number}`;
  if (!group) return html`${panelHeader(t("group.title"), close)}<p class="panel-body">${t("loading")}</p>`;
  if (isFiles()) return filesPart(each);
  const members = [...membersOf(each.number).values()];
  if (!logs.has(each.number)) once("log", each.number, () => askLog(each.number));
  const isMuted = each.muted_until > nowSeconds();
  const shown = shownAll.has(each.number) ? members : members.slice(0, SHOWN);
  return html`${panelHeader(t("group.title"), close)}<div class="scroll" tabindex="0"><div class="panel-body">
    <div class="person-head">${groupPicture(group.name, group.gid, 80)}<h3><bdi>${group.name}</bdi></h3>
      ${group.about ? html`<p dir="auto">${group.about}</p>` : nothing}
      <p class="small">${isIn(group) ? t("group.sealed", { n: group.members_count }) : t(`group.state.${group.state}`)}</p></div>
    <div class="three">
      ${may(group, "add") ? html`<button class="button" @click=${() => askIn(group)}>${icon("user-plus", 17)}${t("group.add.short")}</button>` : nothing}
      <button class="button" @click=${doing(() => changeOf(each, { muted_until: isMuted ? 0 : FOREVER }))}>${icon(isMuted ? "bell" : "bell-off", 17)}${t(isMuted ? "person.unmute" : "person.mute")}</button>
      <button class="button" @click=${() => openSearch(each.number)}>${icon("search", 17)}${t("search")}</button></div>
    ${group.waiting_for.length ? html`<p class="care-line">${icon("key-round", 18)}<span>${rich("group.waiting.for", { names: group.waiting_for.join(", ") })}</span></p>` : nothing}
    <h3 class="label">${isIn(group) ? t("group.members", { n: group.members_count }) : t("group.members.then")}</h3>
    <ul class="members" data-rows=".row:not(div)">${repeat(shown, ({ key }) => key, (member) => memberRow(group, member))}</ul>
    ${members.length > shown.length ? html`<button class="button plain" @click=${() => { shownAll.add(each.number); change(); }}>${t("group.all", { n: members.length })}</button>` : nothing}
    ${group.invited.length ? html`<p class="small">${rich("group.invited", { names: group.invited.join(", ") })}</p>` : nothing}
    ${may(group, "add") ? part("group_links")?.linksView(group) : nothing}
    ${logView(each.number)}
    ${group.code ? html`<h3 class="label">${t("group.code")}</h3><div class="digits two-of-five"><span>${group.code.slice(0, 5)}</span><span>${group.code.slice(5)}</span></div><p class="small">${t("group.code.means")}</p>` : nothing}
    <div class="card">${filesRow(each)}</div>
    ${group.settings && isIn(group) ? settingsView(group) : nothing}
    ${isIn(group) ? html`<div class="card">${switchRow({ id: "group-known", title: t("glink.known"), line: t("glink.known.line"), on: group.is_known, set: async (on) => changed(await ask("PUT", `/v1/groups/${group.conversation}/known`, { body: { is_known: on } })) })}
      ${choiceRow({ id: "group-tells", title: t("group.tells"), line: t("group.tells.line"), value: group.tells, options: TELLS.map((each) => [each, t(`group.tells.${each}`)]), set: (tells) => doing(async () => changed(await ask("PUT", `/v1/groups/${group.conversation}/receipts`, { body: { tells } })))() })}</div>` : nothing}
    <div class="buttons">
      ${isIn(group) ? html`<button class="button" title=${t("group.rotate.line")} @click=${doing(() => rotate(group))}>${icon("refresh-cw", 17)}${t("group.rotate")}</button>
        <button class="button" @click=${() => askCopy(group, members)}>${icon("copy", 17)}${t("group.copy")}</button>
        <button class="button danger" @click=${doing(() => leave(group, members))}>${icon("log-out", 17)}${t("group.leave")}</button>`
        : ["left", "removed"].includes(group.state) ? html`<button class="button danger" @click=${doing(() => forget(group))}>${icon("trash-2", 17)}${t("person.forget")}</button>` : nothing}</div>
  </div></div>`;
}

/** What a member is called, with the digits by which he is told from whom he could be taken for. */
export const marked = ({ label, mark }) => (mark ? `${label} · ${mark}` : label);

/** Whether a name in a group means oneself, and nobody else in it. */
const isMyName = (group, name) => [...membersOf(group.conversation).values()].every((member) => member.is_me === (member.label === name));

function memberRow(group, member) {
  const contact = state.contacts.get(member.contact);
  const facts = [member.is_me ? t("you.by") : member.heard ? t("heard", { age: age(member.heard) }) : t("heard.never")];
  if (member.added_by) facts.push(t("group.by", { name: isMyName(group, member.added_by) ? t("you.by") : member.added_by }));
  if (!member.is_me && !member.contact) facts.push(t("group.nocontact"));
  const inner = html`${avatar(member.label, faceOf(group.conversation, member.key), 36)}
    <span class="text"><span class="top"><bdi class="name">${member.label}</bdi>${markBeside(member)}${member.contact && member.looks_like.length ? html`<span class="mono small">${keyStart(member.key)}</span>` : nothing}${contact ? trustIcon(contact) : nothing}</span>
      <span class="small">${facts.join(" · ")}</span>${member.looks_like.length ? html`<span class="care-line">${t("group.like", { name: member.looks_like.join(", ") })}</span>` : nothing}</span>
    ${member.role === "member" ? nothing : html`<span class="chip">${t(`group.role.${member.role}`)}</span>`}`;
  const entries = memberMenu(group, member).filter(Boolean);
  return html`<li>${entries.length ? html`<button class="row" aria-haspopup="menu" @click=${(event) => openMenu(event, entries)}>${inner}</button>` : html`<div class="row">${inner}</div>`}</li>`;
}

function memberMenu(group, member) {
  const isOwner = isAtLeast(group, "owner");
  const set = (role) => ["shield-user", t(`group.make.${role}`), () => setRole(group, member, role)];
  if (member.is_me) {
    if (!isIn(group) || member.role === "member") return [];
    return [member.role === "owner" ? ["shield-user", t("group.down.admin"), () => setRole(group, member, "admin")] : null, ["user-round", t("group.down.member"), () => setRole(group, member, "member")]];
  }
  return [
    member.contact ? ["user-round", t("menu.person"), () => go(`#/people/person/${member.contact}`)] : null,
    member.contact ? ["message-circle", t("person.write"), () => go(`#/c/${member.contact}`)] : null,
    isIn(group) && !member.contact ? ["message-circle", t("letter.write", { name: marked(member) }), () => part("group_links")?.askLetter(group, member)] : null,
    isOwner && member.role === "member" ? set("admin") : null,
    isOwner && member.role !== "owner" ? set("owner") : null,
    isOwner && member.role === "admin" ? set("member") : null,
    isAbove(group, member) ? ["user-minus", t("group.remove"), doing(() => askRemove(group, member)), "danger"] : null,
  ];
}

async function setRole(group, member, role) {
  const means = role === "owner" ? t("group.owner.means", { name: marked(member) }) : member.is_me ? t("group.down.means") : t(`group.${role}.means`, { name: marked(member) });
  if (!(await confirm({ title: t(member.is_me ? `group.down.${role}` : `group.make.${role}`), body: html`<p>${means}</p>`, yes: t("group.role.do"), danger: role === "owner" || member.is_me }))) return;
  changed(await ask("PUT", `/v1/groups/${group.conversation}/members/${member.member}/role`, { body: { role } }));
}

/** Removing names what it cannot undo. */
async function askRemove(group, member) {
  const name = { name: marked(member) };
  // By these they would be in again as somebody new.
  const open = may(group, "add") ? (await get(`/v1/groups/${group.conversation}/links`)).links.filter((link) => link.state === "open" && !link.needs_approval) : [];
  let isClosing = true;
  const place = [...membersOf(group.conversation).keys()].indexOf(member.key);
  let hours = 0;
  openDialog({
    title: t("group.remove.ask", name), safe: t("cancel"), danger: true, acts: t("group.remove"),
    body: () => html`<ul class="facts"><li>${icon("lock", 18)}<span>${rich("group.remove.goes", name)}</span></li><li>${icon("history", 18)}<span>${rich("group.remove.stays", name)}</span></li><li>${icon("unplug", 18)}<span>${rich("group.remove.late", name)}</span></li></ul>
      <div class="field"><label for="group-undo">${t("group.undo", name)}</label><select id="group-undo" @change=${(event) => { hours = Number(event.target.value); }}>${[[0, t("group.undo.no")], [1, t("group.undo.since", { time: lasts(3600) })], [24, t("group.undo.since", { time: lasts(86_400) })], [168, t("group.undo.since", { time: lasts(604_800) })]].map(([value, words]) => html`<option value=${value}>${words}</option>`)}</select><span class="hint">${t("group.undo.means")}</span></div>
      ${open.length ? html`<label class="pick"><input type="checkbox" .checked=${isClosing} @change=${(event) => { isClosing = event.target.checked; }}><span>${t("group.remove.links", { n: open.length })}</span></label><p class="small">${rich("group.remove.links.means", name)}</p>` : nothing}`,
    act: async () => {
      const isHere = here();
      changed(await remove(`/v1/groups/${group.conversation}/members/${member.member}`, { undo_since: hours ? nowSeconds() - hours * 3600 : undefined }));
      if (isClosing) for (const link of open) await remove(`/v1/groups/${group.conversation}/links/${link.number}`);
      part("group_links")?.linksChanged(group.conversation);
      isHere();
      toast(t("group.removed", name));
      membersOf(group.conversation).delete(member.key);
      change(() => focusNear(place));
    },
  });
}

/** Focus who stands where somebody stood whose row is gone, else who stands before. */
function focusNear(place) {
  if (document.activeElement !== document.body) return;
  const rows = [...document.querySelectorAll(".members li")];
  [...rows.slice(place), ...rows.slice(0, place).reverse()].map((row) => row.querySelector("button.row")).find(Boolean)?.focus();
}

async function leave(group, members) {
  const isOnlyOwner = group.role === "owner" && members.filter((member) => member.role === "owner").length === 1 && members.length > 1;
  const body = html`<ul class="facts"><li>${icon("log-out", 18)}<span>${t("group.leave.goes")}</span></li><li>${icon("history", 18)}<span>${t("group.leave.stays")}</span></li>${isOnlyOwner ? html`<li>${icon("triangle-alert", 18)}<span>${t("group.leave.owner")}</span></li>` : nothing}</ul>`;
  if (await confirm({ title: t("group.leave.ask", { name: group.name }), body, yes: t("group.leave") })) changed(await post(`/v1/groups/${group.conversation}/leave`));
}

/** A new group like one, without some: the way out where an owner cannot be removed. */
function askCopy(group, members) {
  const contacts = members.map((member) => state.contacts.get(member.contact)).filter((each) => each && askable().includes(each));
  const { chosen, view } = picker(contacts, contacts.map((each) => each.id));
  let copy = null;
  openForm({
    title: t("group.copy"), acts: t("group.copy.make"),
    view: () => html`${view()}<p class="small">${t("group.copy.means")}</p>`,
    act: async () => {
      const without = members.filter((member) => !member.is_me && member.contact && !chosen.has(member.contact)).map((member) => member.member);
      copy ??= await post(`/v1/groups/${group.conversation}/copy`, { without });
      changed(copy);
      state.conversations.set(copy.conversation, await get(`/v1/conversations/${copy.conversation}`));
      toast(t("group.copied"));
      return () => go(`#/c/${copy.conversation}`);
    },
  });
}

async function rotate(group) {
  if (!(await confirm({ title: t("group.rotate.ask"), body: html`<p>${t("group.rotate.means")}</p>`, yes: t("group.rotate"), danger: false }))) return;
  changed(await post(`/v1/groups/${group.conversation}/rotate`));
  toast(t("group.rotated"));
}

async function forget(group) {
  if (!(await confirm({ title: t("forget.ask", { name: group.name }), body: html`<p>${t("group.forget.means")}</p>`, yes: t("person.forget") }))) return;
  const isHere = here();
  await remove(`/v1/groups/${group.conversation}`);
  for (const map of [state.groups, state.members, state.conversations, state.streams, state.boards, logs]) map.delete(group.conversation);
  if (isHere()) go("#/chats");
}

// ---- What was done ----

/** Do something about one of what was done, and look at what counts then. */
async function anew(conversation, id, what) {
  changed(await post(`/v1/groups/${conversation}/log/${id}/${what}`));
  logChanged(conversation);
}

/** Keep what came since of whom one removed or lowered. */
const keepButton = (conversation, { id, whom }) => html`<span class="care-line">${rich("group.keep.what", { names: whom.join(", ") })} <button class="link" title=${t("group.keep.means")} @click=${doing(() => anew(conversation, id, "keep"))}>${t("group.keep")}</button></span>`;

/** Do again what one did and what does not count. */
const againButton = (conversation, { id }) => html` <button class="link" @click=${doing(() => anew(conversation, id, "repeat"))}>${t("group.void.again")}</button>`;

function logView(conversation) {
  const log = logs.get(conversation);
  if (!log) return nothing;
  if (log.problem) return failure(log.problem, () => { logs.delete(conversation); change(); });
  if (!log.operations.length) return nothing;
  return html`<h3 class="label">${t("group.log")}</h3><ul class="notes">${[...log.operations].reverse().map((operation) => html`<li class=${operation.counts ? "" : "void"}><span class="mark ${operation.counts ? "" : "care"}">${icon(operation.counts ? GLYPHS[operation.action] ?? "info" : "circle-x", 17)}</span>
      <span>${did(operation)} <time title=${day(operation.at)}>${timeOfDay(operation.at)}</time>${operation.counts ? nothing : html`<span class="care-line">${rich("group.void", { why: operation.why })}${operation.repeat ? againButton(conversation, operation) : nothing}</span>`}${operation.keep ? keepButton(conversation, operation) : nothing}</span></li>`)}</ul>
    ${log.hasMore ? html`<button class="button plain" @click=${doing(() => askLog(conversation, log.operations.length))}>${t("group.log.more")}</button>` : nothing}`;
}

// ---- Settings ----

const WHO = ["members", "admins"];
const HISTORY_DAYS = [0, 1, 7, 30];
const LIFETIMES = [0, 1, 2];
const ACKS = ["auto", "on", "off"];
const BOARD = ["on", "off"];
const TELLS = ["nothing", "held", "read"];

function settingsView(group) {
  const { settings } = group;
  const isAdmin = isAtLeast(group, "admin");
  const set = (values) => doing(async () => changed(await patch(`/v1/groups/${group.conversation}`, values)))();
  const row = (name, options) => {
    const value = settings[name];
    const words = Object.fromEntries(options);
    return isAdmin ? choiceRow({ id: `group-${name}`, title: t(`group.set.${name}`), line: t(`group.set.${name}.line`), value, options, set: (chosen) => set({ [name]: typeof value === "number" ? Number(chosen) : chosen }) }) : valueRow(t(`group.set.${name}`), words[value] ?? String(value));
  };
  const text = (name, value, length) => textRow({ id: `group-${name}-text`, title: t(`group.set.${name}`), line: t("group.set.forall"), value, length, set: async (words) => changed(await patch(`/v1/groups/${group.conversation}`, { [name]: words.trim() })) });
  const who = WHO.map((each) => [each, t(`group.${each}.may`)]);
  const lives = LIFETIMES.map((each) => [each, t(`group.lifetime.${each}`)]);
  const days = [...new Set([...HISTORY_DAYS, settings.history])].sort((a, b) => a - b).map((each) => [each, each ? lasts(each * 86_400) : t("group.history.none")]);
  return html`<h3 class="label">${t("group.settings")}</h3><div class="card">
    ${isAdmin ? html`${text("name", group.name, NAME_BYTES_MAX)}${text("about", group.about, 400)}` : nothing}
    ${["add", "write", "pin", "timer"].map((name) => row(name, who))}
    ${row("board", BOARD.map((each) => [each, t(`group.board.${each}`)]))}${row("history", days)}${row("lifetime", lives)}${row("acks", ACKS.map((each) => [each, t(`group.acks.${each}`)]))}
    ${isAdmin ? switchRow({ id: "group-closed", title: t("group.set.closed"), line: t("group.set.closed.line"), on: settings.closed, set: (on) => set({ closed: on }) }) : nothing}</div>`;
}
