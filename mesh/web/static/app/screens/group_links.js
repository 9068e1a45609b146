// [14] Coming into a group by a link: those that one made, with their codes; who waits at them; and joining by one of another.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { get, post, remove } from "../api.js";
import { avatar } from "../avatar.js";
import { confirm, copyText, doing, here, openDialog, toast } from "../dom.js";
import { groupOf, may, once, takeGroup } from "../groups.js";
import { icon } from "../icons.js";
import { keyStart, markBeside } from "../marks.js";
import { go } from "../router.js";
import { switchRow } from "../setting_rows.js";
import { change, onForget, state } from "../state.js";
import { exact, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import "../words_more.js";
import { qr } from "./add.js";
import { openForm } from "./create.js";
import { marked } from "./groups.js";

const USES = [1, 5, 20, 100, 1000];
const DAYS = [1, 7, 30];
const DAY_S = 86_400;

/** Links of ours by group, and the rows of their codes by link. */
const links = new Map();
const codes = new Map();
onForget(() => { links.clear(); codes.clear(); });

async function askLinks(conversation) {
  links.set(conversation, links.get(conversation) ?? []);
  links.set(conversation, (await get(`/v1/groups/${conversation}/links`)).links);
  change();
}

/** Ask for the links of a group anew, if somebody looked at them. */
export function linksChanged(conversation) {
  if (links.has(conversation)) once("links", conversation, () => askLinks(conversation));
}

/** What the panel of a group says of its links. */
export function linksView(group) {
  if (!links.has(group.conversation)) once("links", group.conversation, () => askLinks(group.conversation));
  const open = (links.get(group.conversation) ?? []).filter((link) => link.state === "open");
  return html`<h3 class="label">${t("glink.title")}</h3>
    ${open.length ? html`<div class="card">${open.map((link) => html`<div class="setting"><span class="grow"><span class="title">${t("add.of", { n: link.uses, m: link.uses_max })}</span><span class="line">${t("glink.until", { t: timeOfDay(link.expires) })} · ${t(link.needs_approval ? "glink.approval" : "glink.free")}</span></span>
      <button class="button" @click=${() => showLink(group, link)}>${t("show")}</button></div>`)}</div>` : nothing}
    <div><button class="button" @click=${() => newLink(group)}>${icon("qr-code", 17)}${t("glink.new")}</button></div>`;
}

function newLink(group) {
  openForm({
    title: t("glink.new"), acts: t("glink.make"),
    view: () => html`<div class="field"><label for="glink-uses">${t("invite.people")}</label><select id="glink-uses" name="uses" autofocus>${USES.map((n) => html`<option value=${n} ?selected=${n === 20}>${n.toLocaleString()}</option>`)}</select></div>
      <div class="field"><label for="glink-days">${t("invite.days")}</label><select id="glink-days" name="days">${DAYS.map((n) => html`<option value=${n} ?selected=${n === 7}>${t("invite.day", { n })}</option>`)}</select></div>
      <label class="pick"><input type="checkbox" name="approval" checked><span>${t("glink.ask")}</span></label><p class="small">${t("glink.means")}</p>`,
    act: async (data) => {
      const link = await post(`/v1/groups/${group.conversation}/links`, { uses_max: Number(data.get("uses")), lifetime_s: Number(data.get("days")) * DAY_S, needs_approval: data.has("approval") });
      linksChanged(group.conversation);
      return () => showLink(group, link);
    },
  });
}

function codeOf(link) {
  if (!codes.has(link.qr)) {
    codes.set(link.qr, null);
    post("/v1/qr", { text: link.qr }).then((answer) => { codes.set(link.qr, answer.rows); change(); }, () => codes.delete(link.qr));
  }
  return codes.get(link.qr);
}

function showLink(group, link) {
  openDialog({
    title: t("glink.into", { name: group.name }), broad: true, safe: t("close"),
    also: { words: t("add.revoke"), act: () => revoke(group, link) },
    body: () => html`<div class="two"><div class="qr">${qr(codeOf(link), t("glink.into", { name: group.name }))}</div><div class="stack">
      <p>${t(link.needs_approval ? "glink.who.ask" : "glink.who", { n: link.uses_max - link.uses, t: timeOfDay(link.expires) })}</p><p class="small">${t("add.care")}</p>
      <div class="link-well"><code>${link.link}</code><button class="button" @click=${doing(() => copyText(link.link))}>${icon("copy", 17)}${t("add.copy")}</button></div>
      ${link.short_link ? html`<button class="button plain" @click=${doing(() => copyText(link.short_link))}>${t("add.short")}</button>` : nothing}</div></div>`,
  });
}

async function revoke(group, link) {
  if (!(await confirm({ title: t("glink.revoke.ask"), body: html`<p>${t("glink.revoke.means")}</p>`, yes: t("add.revoke") }))) return;
  await remove(`/v1/groups/${group.conversation}/links/${link.number}`);
  linksChanged(group.conversation);
}

// ---- Who waits at a link ----

async function answer(conversation, knock, isAdmitted) {
  const { knocks } = await post(`/v1/groups/${conversation}/knocks/${knock.knock}`, { is_admitted: isAdmitted });
  state.knocks.set(conversation, [...knocks, ...(state.knocks.get(conversation) ?? []).filter((each) => each.letter)]);
  toast(t(isAdmitted ? "knock.admitted" : "knock.refused", { name: knock.name }));
}

/** Those who wait at links into groups, or ask there to become contacts, as cards among the requests. */
export const knockCards = () => [...state.knocks].flatMap(([conversation, knocks]) => knocks.map((each) => (each.letter ? letterCard : knockCard)(groupOf(conversation), each)));

function knockCard(group, knock) {
  if (!group || !may(group, "add")) return nothing;
  const isAlike = knock.looks_like.length > 0;
  return html`<article class="card request" aria-label=${knock.name}>${avatar(knock.name, knock.key, 44)}<div class="grow">
    <div class="line"><bdi>${knock.name}</bdi>${isAlike ? html`<span class="mono small">${keyStart(knock.key)}</span>` : nothing}<span class="chip">${icon("link", 15)}<span>${t("knock.chip")}</span></span></div>
    <p class="small" title=${exact(knock.came)}>${rich("knock.into", { group: group.name })} · ${timeOfDay(knock.came)}</p>
    ${isAlike ? html`<p class="care-line">${icon("shield-alert", 18)}<span>${rich("knock.like", { name: knock.looks_like.join(", ") })}</span></p>` : nothing}
    ${knock.note ? html`<p class="saying" dir="auto">${knock.note}</p>` : nothing}
    <div class="buttons"><button class="button ${isAlike ? "" : "main"}" @click=${doing(() => answer(group.conversation, knock, true))}>${t("knock.admit")}</button>
      <button class="button" @click=${doing(() => answer(group.conversation, knock, false))}>${t("knock.refuse")}</button></div></div></article>`;
}

// ---- Members who are no contacts ----

/** Ask a member to become a contact; who was asked in the last days cannot be again, as far as was known when the members were asked for. */
export const askLetter = (group, member) => openForm({
  title: t("letter.write", { name: marked(member) }), acts: t("letter.do"),
  view: () => html`<p>${t("letter.means", { name: marked(member) })}</p>${member.letter_again ? html`<p>${t("letter.waits", { name: marked(member), t: timeOfDay(member.letter_again) })}</p>` : nothing}
    <div class="field"><label for="letter-note">${t("group.note")}</label><input type="text" id="letter-note" name="note" maxlength="300" dir="auto" autofocus></div>`,
  act: async (data) => {
    const { again } = await post(`/v1/groups/${group.conversation}/members/${member.member}/letter`, { note: data.get("note").trim() });
    toast(t("letter.written", { name: marked(member), t: timeOfDay(again) }));
  },
});

async function answerLetter(conversation, letter, isAccepted) {
  const { letters } = await post(`/v1/groups/${conversation}/letters/${letter.letter}`, { is_accepted: isAccepted });
  state.knocks.set(conversation, [...(state.knocks.get(conversation) ?? []).filter((each) => each.knock), ...letters]);
  toast(t(isAccepted ? "request.accepted" : "letter.declined", { name: letter.name || letter.member_name }));
}

function letterCard(group, letter) {
  if (!group) return nothing;
  const isAlike = letter.looks_like.length > 0;
  return html`<article class="card request" aria-label=${letter.member_name}>${avatar(letter.member_name, letter.member_key, 44)}<div class="grow">
    <div class="line"><bdi>${letter.member_name}</bdi>${markBeside(letter)}<span class="chip">${icon("users-round", 15)}<span>${t("letter.chip")}</span></span></div>
    <p class="small" title=${exact(letter.came)}>${rich("letter.from", { group: group.name })} · ${timeOfDay(letter.came)}</p>
    ${[letter.member_name, ""].includes(letter.name) ? nothing : html`<p class="small">${rich("letter.calls", { name: letter.name })}</p>`}
    ${isAlike ? html`<p class="care-line">${icon("shield-alert", 18)}<span>${rich("knock.like", { name: letter.looks_like.join(", ") })}</span></p>` : nothing}
    ${letter.note ? html`<p class="saying" dir="auto">${letter.note}</p>` : nothing}
    <p class="small">${t("letter.accepting")}</p>
    <div class="buttons"><button class="button ${isAlike ? "" : "main"}" @click=${doing(() => answerLetter(group.conversation, letter, true))}>${t("request.accept")}</button>
      <button class="button" @click=${doing(() => answerLetter(group.conversation, letter, false))}>${t("group.decline")}</button></div></div></article>`;
}

// ---- Joining by a link ----

export const isGroupLink = (text) => /^mesh:(group\/|g\/)/i.test(text.trim());

/** Say what a link into a group would do, before anything is done. */
export function askJoin(link, contents, done) {
  let isKnown = true;
  let note = "";
  openDialog({
    title: contents.group ? t("glink.join.named", { name: contents.group }) : t("glink.join"), safe: t("cancel"), acts: t("glink.join.do"), danger: false,
    act: async () => {
      const isHere = here();
      const group = await post("/v1/group-links/join", { link: link.trim(), note: note.trim(), is_known: isKnown });
      takeGroup(group);
      state.conversations.set(group.conversation, await get(`/v1/conversations/${group.conversation}`));
      done();
      toast(t("glink.joining"));
      if (isHere()) go(`#/c/${group.conversation}`);
    },
    body: () => html`<p>${t("glink.join.means")}</p>
      <div class="field"><label for="join-note">${t("group.note")}</label><input type="text" id="join-note" maxlength="300" dir="auto" .value=${note} @input=${(event) => { note = event.target.value; }}></div>
      <div class="card">${switchRow({ id: "join-known", title: t("glink.known"), line: t("glink.known.line"), on: isKnown, set: (on) => { isKnown = on; change(); } })}</div>`,
  });
}
