// [06] What is known of one message, and [16] of one person, with the evidence for it.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { askDelete, askTimer, askWithdraw, canEdit, canWithdraw, edit, isOffered, nameOf, pictureOf } from "../acts.js";
import { get, patch, post, remove } from "../api.js";
import { avatar } from "../avatar.js";
import { faceOf } from "../groups.js";
import { closeDialog, confirm, copyText, doing, here, openDialog, toast } from "../dom.js";
import { icon } from "../icons.js";
import { hasNewKeys, isUnreached, keyStart, markBeside, retractionLine, stateWords, trustChip, trustOf } from "../marks.js";
import { part } from "../later.js";
import { go } from "../router.js";
import { switchRow } from "../setting_rows.js";
import { change, onForget, state } from "../state.js";
import { streamOf } from "../stream.js";
import { loadDetails } from "../sync.js";
import { body, oneLine } from "../text.js";
import { bytes, day, dayOf, exact, lasts, nowSeconds, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import "../words_more.js";
import { changeOf, FOREVER } from "./chats.js";
import { focusComposer } from "./composer.js";
import { everybody, isCut } from "./everybody.js";
import { glimpse, goneWords } from "./message.js";
import { textRow } from "./text_row.js";

export const panelHeader = (title, close) => html`<header class="header"><h2>${title}</h2><a class="icon-button" href=${close} aria-label=${t("close")} data-close>${icon("x", 21)}</a></header>`;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dated = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const withSeconds = (seconds) => `${dayOf(seconds) === dayOf(nowSeconds()) ? "" : `${dated.format(seconds * 1000)} `}${clock.format(seconds * 1000)}`;

const ORDER = ["queued", "carried", "delivered", "read"];

/** What the daemon knows of single messages beyond what their bubble shows, by number. */
const known = new Map();

const asked = new Map();

onForget(() => { known.clear(); asked.clear(); });

/** Ask for the evidence of a message, again whenever more is known of it. */
async function askEvidence(item) {
  const parts = [...item.reactions, ...(item.poll?.options ?? [])].map(({ count }) => count);
  const state = `${parts} ${item.state} ${item.carriers} ${item.devices?.told} ${item.devices?.read} ${item.devices?.of} ${item.edited?.count} ${item.edited?.at} ${item.gone}`;
  if (asked.get(item.number) === state) return;
  asked.set(item.number, state);
  try {
    const [details, { versions }, people] = await Promise.all([get(`/v1/items/${item.number}`), item.edited && !item.gone ? get(`/v1/items/${item.number}/versions`) : { versions: [] }, !item.gone && isCut(item) ? everybody(item).catch(() => []) : []]);
    known.set(item.number, { ...details, versions, people });
  } catch { /* the steps stand without their times */ }
  change();
}

/** Versions are told newest first: what is shown now stands above already. */
const formerTexts = (item) => {
  const former = (known.get(item.number)?.versions ?? []).slice(1);
  return former.length && !item.gone ? html`<h3 class="group-title">${t("details.former")}</h3><ol class="former">${former.map((version) => html`<li><time title=${exact(version.at)}>${timeOfDay(version.at)}</time><div class="body" dir="auto">${body(version.text, { marks: version.marks })}</div></li>`)}</ol>` : nothing;
};

/** The names of all who have a part in an item; until they are here, of those whom it names itself. */
function namesOf(item, { who, count }, hasPart) {
  const people = (known.get(item.number)?.people ?? []).filter(hasPart);
  const names = people.length > who.length ? people.map((person) => person.label) : who;
  return html`${names.map((name, at) => html`${at ? ", " : nothing}<bdi>${name}</bdi>`)}${names.length < count ? ` +${count - names.length}` : nothing}`;
}

/** Who chose each option of a poll: nothing is anonymous in a conversation. */
const voters = (item) => (item.poll?.options ?? []).map((option, place) => (!option.who.length ? nothing : html`<h3 class="group-title" dir="auto">${oneLine(option.text, 200)}</h3>
  <p class="small voters">${namesOf(item, option, (person) => person.options.includes(place))}</p>`));

/** The steps of an own message: those that are known with their time, the others dashed. */
function steps(item, name) {
  const times = Object.fromEntries((known.get(item.number)?.steps ?? []).map((step) => [step.state, step.at]));
  // What waited for no key was queued as it was written, and the daemon tells that once.
  times.queued ??= times.written;
  // In a group nobody proves delivery for all: who has it stands below, by name.
  const order = item.devices ? ["queued", "carried"] : ORDER;
  const reached = { "awaiting-key": -1, "waiting-for-keys": -1, queued: 0, carried: 1, delivered: 2, read: 3, "delivered-then-withdrawn": 2 }[item.state] ?? (times.carried ? 1 : 0);
  const made = [{ glyph: "pencil", title: t("step.written"), at: item.sent, text: t("proof.written") }];
  if (item.state === "awaiting-key") made.push({ glyph: "key-round", title: t("state.awaiting-key"), text: t("proof.key") });
  if (item.state === "waiting-for-keys") made.push({ glyph: "key-round", title: t("state.waiting-for-keys"), text: t("proof.group.keys") });
  order.forEach((step, index) => {
    const isKnown = index <= reached;
    const glyph = { queued: "hard-drive", carried: "carried", delivered: "check-check", read: "read" }[step];
    const title = step === "carried" ? (isKnown && item.carriers ? t("state.carried", { n: item.carriers }) : t("state.carried", { n: 2 }).replace(/\s*2\s*/, " ").trim()) : t(`state.${step}`);
    made.push({ glyph, title, at: isKnown ? times[step] : 0, isOpen: !isKnown, kind: isKnown && index > 1 ? "proof" : "", text: isKnown ? t(`proof.${step}`) : step === "queued" ? t(item.devices ? "proof.group.keys" : "proof.key") : t(`proof.${step}.open`, { name }) });
  });
  if (item.state === "expired" || item.state.includes("withdrawn")) {
    made.push({ glyph: item.state === "expired" ? "hourglass" : "undo-2", kind: item.state === "expired" ? "care" : "", title: stateWords(item), at: times[item.state], text: t(item.state === "expired" ? "proof.expired" : "proof.withdrawn") });
  }
  return html`<ol class="steps">${made.map((each) => html`<li class="step ${each.kind ?? ""} ${each.isOpen ? "open" : ""}"><span class="dot">${icon(each.glyph, 16)}</span>
    <div><div class="top"><span>${each.title}</span>${each.at ? html`<time title=${exact(each.at)}>${withSeconds(each.at)}</time>` : nothing}</div><p>${each.text}</p></div></li>`)}</ol>`;
}

/** Whose devices are known to hold an own message of a group, by name; the others after them. */
function holders(each, item) {
  const { devices } = item;
  if (!devices) return nothing;
  const people = known.get(item.number)?.readers ?? [];
  const rank = (reader) => (reader.is_told ? 0 : reader.is_silent ? 2 : 1);
  return html`<h3 class="group-title">${t("state.devices", { n: devices.told ?? 0, m: devices.of })}</h3>
    <p class="small">${t("proof.devices")}</p>
    <ul class="holders">${[...people].sort((a, b) => rank(a) - rank(b)).map((reader) => html`<li>${avatar(reader.label, faceOf(each.number, reader.key), 28)}<span class="grow"><bdi>${reader.label}</bdi>${markBeside(reader, each.number)}</span>
      <span class="small ${reader.is_told ? "proof" : ""}">${reader.is_told ? icon("check-check", 15) : nothing}${t(reader.is_read ? "devices.read" : reader.is_told ? "devices.has" : reader.is_silent ? "devices.silent" : "devices.unknown")}</span></li>`)}</ul>`;
}

export function messagePanel(each, number) {
  const item = streamOf(each.number).items.find((other) => other.number === number);
  const close = `#/c/${each.number}`;
  if (!item) return html`${panelHeader(t("details.title"), close)}<p class="panel-body">${t("err.not-found")}</p>`;
  askEvidence(item);
  const contact = state.contacts.get(each.contact);
  const canTake = canWithdraw(item);
  const evidence = known.get(number);
  return html`${panelHeader(t("details.title"), close)}<div class="scroll" tabindex="0"><div class="panel-body">
    <div class="card quote-card"><div class="body" dir="auto">${item.gone || item.kind === "newer" ? goneWords(item, each) : item.text ? body(item.text, { marks: item.marks, mentions: item.mentions }) : glimpse(item)}</div>
      <p class="small">${rich(item.isMine ? "details.to" : "details.from", { name: each.kind === "self" ? t("me.title") : each.kind === "group" && !item.isMine ? item.author.label : each.title })}${contact ? ` · ${trustOf(contact).word}` : nothing}</p></div>
    ${item.isMine && each.kind !== "self" && (!item.gone || item.retraction) ? steps(item, each.title) : nothing}
    ${item.isMine && (!item.gone || item.retraction) ? holders(each, item) : nothing}
    ${item.is_apart ? html`<p class="care-line">${icon("split", 18)}<span>${t("details.apart")}</span></p>` : nothing}
    ${item.retraction ? html`<p class="small">${retractionLine(item.retraction).words}. ${t("delete.all.means")}</p>` : nothing}
    ${formerTexts(item)}
    ${voters(item)}
    <dl class="pairs">
      ${item.isMine ? nothing : html`<dt>${t("details.sent")}</dt><dd>${withSeconds(item.sent)}</dd><dt>${t("details.opened")}</dt><dd>${withSeconds(item.received)}</dd>`}
      ${evidence?.text_bytes ? html`<dt>${t("details.size")}</dt><dd>${bytes(evidence.text_bytes)}</dd>` : nothing}
      ${item.edited ? html`<dt>${t("details.edited")}</dt><dd>${withSeconds(item.edited.at)}${item.edited.received ? `, ${t("stream.slow", { t2: withSeconds(item.edited.received) })}` : nothing}</dd>` : nothing}
      ${item.timer ? html`<dt>${t("details.timer")}</dt><dd>${item.disappears ? withSeconds(item.disappears) : t("timer.after", { time: lasts(item.timer) })}</dd>` : nothing}
      ${item.reactions.map((reaction) => html`<dt>${pictureOf(reaction.emoji)}${isOffered(reaction.emoji) ? ` ${nameOf(reaction.emoji)}` : nothing}</dt><dd>${namesOf(item, reaction, (person) => person.emoji.includes(reaction.emoji))}</dd>`)}
      ${item.kept_until && item.isMine ? html`<dt>${t("details.until")}</dt><dd>${day(item.kept_until)}, ${timeOfDay(item.kept_until).split(" ").at(-1)}</dd>` : nothing}
      ${item.posts_count > 1 ? html`<dt>${t("details.again")}</dt><dd>${item.posts_count - 1}</dd>` : nothing}
      <dt>${t("details.number")}</dt><dd>${item.number}</dd></dl>
    <div class="buttons">${canTake ? html`<button class="button" @click=${doing(() => askWithdraw(item))}>${icon("undo-2", 17)}${t("details.withdraw")}</button>` : nothing}
      ${canEdit(item) ? html`<button class="button" @click=${() => { go(close); edit(each, item, focusComposer); }}>${icon("pencil", 17)}${t("menu.edit")}</button>` : nothing}
      ${item.text ? html`<button class="button" @click=${doing(() => copyText(item.text))}>${icon("copy", 17)}${t("details.copy")}</button>` : nothing}
      <button class="button danger" @click=${() => askDelete(each, item)}>${icon("trash-2", 17)}${t("menu.delete")}</button></div>
    ${canTake ? html`<p class="small">${t("withdraw.ask")}</p>` : nothing}</div></div>`;
}

const NOTES = { "identity changed": ["key-round", "care"], "session renewed": ["refresh-cw", ""], verified: ["shield-check", ""], "comparison failed": ["shield-alert", "danger"], introduced: ["handshake", ""], "looks alike": ["shield-alert", "care"] };

/** The way from a panel to the files of its conversation, and these in its place (kept.js). */
export const filesRow = (each) => html`<div class="setting"><span class="grow"><span class="title">${t("kept.title")}</span><span class="line">${t("kept.line")}</span></span><a class="button" href=${`#/c/${each.number}/${each.kind === "group" ? "group" : "person"}/files`} aria-label=${`${t("show")}: ${t("kept.title")}`}>${t("show")}</a></div>`;
export const filesPart = (each) => part("files")?.filesPanel(each) ?? html`${panelHeader(t("kept.title"), `#/c/${each.number}`)}<p class="panel-body">${t("loading")}</p>`;
export const isFiles = () => state.route.conversation > 0 && state.route.parts[1] === "files";

export const personPanel = (id, close) => isFiles() ? filesPart(state.conversations.get(state.route.conversation)) : html`${panelHeader(t("person.title"), close)}<div class="scroll" tabindex="0"><div class="panel-body">${personBody(id)}</div></div>`;

/** Everything about a person: used beside a chat, and as a page of its own. */
export function personBody(id) {
  const contact = state.contacts.get(id);
  if (!contact) return html`<p>${t("err.not-found")}</p>`;
  const details = state.details.get(id);
  if (!details) askDetails(id);
  const each = state.conversations.get(id);
  const isMuted = (each?.muted_until ?? 0) > Date.now() / 1000;
  const number = details?.safety_number ?? "";
  return html`<div class="person-head">${avatar(contact.label, contact.key, 80)}<h3><bdi>${contact.label}</bdi></h3>
      ${contact.name && contact.name !== contact.label ? html`<p class="small">${rich("person.calls", { name: contact.name })}</p>` : nothing}
      ${trustChip(contact)}<p class="small">${trustOf(contact).means}</p></div>
    ${contact.looks_like.length ? html`<p class="care-line">${icon("shield-alert", 18)}<span>${rich("lookalike", { name: contact.looks_like.join(", ") })}</span></p>` : nothing}
    ${isUnreached(contact) ? html`<p class="care-line">${icon("unplug", 18)}<span>${rich("banner.unreached", { name: contact.label })} <a href="#/people/add">${t("unreached.invite")}</a></span></p>` : nothing}
    <div class="three">
      <a class="button" href=${`#/people/compare/${id}`}>${icon("shield-check", 17)}${t("person.compare")}</a>
      ${each ? html`<button class="button" @click=${doing(() => changeOf(each, { muted_until: isMuted ? 0 : FOREVER }))}>${icon(isMuted ? "bell" : "bell-off", 17)}${t(isMuted ? "person.unmute" : "person.mute")}</button>` : nothing}
      <button class="button" @click=${() => introduce(contact)}>${icon("handshake", 17)}${t("person.introduce")}</button></div>
    <h3 class="label">${t("person.safety")}</h3>
    ${number ? html`<div class="digits">${number.match(/\d{5}/g).map((group) => html`<span>${group}</span>`)}</div><p class="small">${t("person.safety.means")}</p>` : html`<p class="small">${t("person.safety.none")}</p>`}
    ${details?.notes.length ? html`<h3 class="label">${t("person.happened")}</h3><ul class="notes">${details.notes.map((note) => html`<li><span class="mark ${NOTES[note.kind]?.[1] ?? ""}">${icon(NOTES[note.kind]?.[0] ?? "info", 17)}</span><span><time>${timeOfDay(note.at)}</time> <span dir="auto">${note.sentence}</span></span></li>`)}</ul>` : nothing}
    <div class="card">
      ${switchRow({ id: `receipts-${id}`, title: t("person.receipts"), line: t("person.receipts.line"), on: contact.sends_read_receipts, set: (on) => post(`/v1/contacts/${id}/read-receipts`, { is_on: on }) })}
      ${each ? timerRow(each) : nothing}
      ${each ? filesRow(each) : nothing}
      ${number ? switchRow({ id: `verified-${id}`, title: t("person.mark"), line: t("person.mark.line"), on: contact.trust === "verified" && !hasNewKeys(contact), set: (on) => post(`/v1/contacts/${id}/verify`, { is_verified: on }) }) : nothing}
      ${textRow({ id: `label-${id}`, title: t("person.rename"), line: t("person.rename.line"), value: contact.label, set: (label) => patch(`/v1/contacts/${id}`, { label }) })}
    </div>
    <dl class="pairs"><dt>${t("person.key")}</dt><dd class="mono">${contact.key ? keyStart(contact.key) : "–"}</dd><dt>${t("person.messages")}</dt><dd>${contact.messages_count.toLocaleString()}</dd></dl>
    <div class="buttons">
      ${contact.is_blocked ? html`<button class="button" @click=${doing(() => post(`/v1/contacts/${id}/block`, { is_blocked: false }))}>${t("person.unblock")}</button>`
        : html`<button class="button danger" @click=${doing(() => block(contact))}>${icon("ban", 17)}${t("person.block")}</button>`}
      <button class="button danger" @click=${doing(() => forget(contact))}>${icon("trash-2", 17)}${t("person.forget")}</button>
      ${contact.state === "answered" ? html`<button class="button" title=${t("person.renew.line")} @click=${doing(() => renew(contact))}>${icon("refresh-cw", 17)}${t("person.renew")}</button>` : nothing}
      ${contact.is_blocked || contact.is_request ? nothing : html`<button class="button" title=${t("person.replace.line")} @click=${() => askReplace(contact)}>${icon("key-round", 17)}${t("person.replace")}</button>`}</div>`;
}

function timerRow(each) {
  const value = each.timer ? lasts(each.timer) : t("timer.off");
  return html`<div class="setting"><span class="grow"><span class="title">${t("timer.title")}</span><span class="line">${t("timer.line.person")}</span></span><button class="button" aria-label=${`${t("timer.title")}: ${value}`} @click=${() => askTimer(each)}>${value}</button></div>`;
}

const asking = new Set();
async function askDetails(id) {
  if (asking.has(id)) return;
  asking.add(id);
  try { await loadDetails(id); } catch { /* shown without; asked again when the panel is */ }
  setTimeout(() => asking.delete(id), 2000);
  change();
}

export async function block(contact) {
  if (await confirm({ title: t("block.ask", { name: contact.label }), body: html`<p>${t("block.text", { name: contact.label })}</p>`, yes: t("person.block") })) await post(`/v1/contacts/${contact.id}/block`);
}

async function forget(contact) {
  if (!(await confirm({ title: t("forget.ask", { name: contact.label }), body: html`<p>${t("forget.text", { name: contact.label })}</p>`, yes: t("person.forget") }))) return;
  const isHere = here();
  await remove(`/v1/contacts/${contact.id}`);
  if (isHere()) go("#/chats");
}

async function renew(contact) {
  if (await confirm({ title: t("renew.ask", { name: contact.label }), body: html`<p>${t("renew.text", { name: contact.label })}</p>`, yes: t("person.renew"), danger: false })) await post(`/v1/contacts/${contact.id}/renew`);
}

const othersThan = (contact) => [...state.contacts.values()].filter((each) => each.id !== contact.id && !each.is_request && !each.is_blocked);

/** They came with a new identity, as another contact: the chat goes on under its keys. */
function askReplace(contact) {
  const others = othersThan(contact);
  openDialog({ title: t("replace.title", { name: contact.label }), safe: t("cancel"), body: html`<p>${t("replace.means", { name: contact.label })}</p><div class="jump-list" data-rows=".row">${others.length ? others.map((by) => html`
    <button class="row short" @click=${doing(() => replaceBy(contact, by))}>${avatar(by.label, by.key, 36)}<span class="text name"><bdi>${by.label}</bdi> <span class="mono small">${by.key ? keyStart(by.key) : ""}</span></span></button>`) : html`<p class="small">${t("replace.nobody")}</p>`}</div>` });
}

async function replaceBy(contact, by) {
  if (!(await confirm({ title: t("replace.ask", { name: by.label }), body: html`<p>${t("replace.text", { name: contact.label })}</p>`, yes: t("person.replace") }))) return;
  const isHere = here();
  const made = await post(`/v1/contacts/${contact.id}/replace`, { by: by.id });
  if (isHere()) go(`#/people/compare/${made.id}`);
}

function introduce(contact) {
  const others = othersThan(contact);
  openDialog({ title: t("intro.choose", { name: contact.label }), safe: t("cancel"), body: html`<div class="jump-list" data-rows=".row">${others.length ? others.map((each) => html`
    <button class="row short" @click=${doing(async () => { closeDialog(); await post(`/v1/contacts/${contact.id}/introduce`, { to: each.id }); toast(t("intro.said")); })}>${avatar(each.label, each.key, 36)}<span class="text name"><bdi>${each.label}</bdi></span></button>`) : html`<p class="small">${t("people.none")}</p>`}</div>` });
}
