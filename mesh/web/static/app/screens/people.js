// People: the list, [12] requests, [13] people nearby, introductions, and a person as a page.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { get, post } from "../api.js";
import { avatar } from "../avatar.js";
import { doing, failure, here, toast } from "../dom.js";
import { invites, knocksCount } from "../groups.js";
import { icon } from "../icons.js";
import { part } from "../later.js";
import { hasNewKeys, keyBeside, trustChip, trustIcon } from "../marks.js";
import { go, onArrival } from "../router.js";
import { switchRow } from "../setting_rows.js";
import { change, onForget, state } from "../state.js";
import { soon } from "../sync.js";
import { exact, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import "../words_more.js";
import { addPage } from "./add.js";
import { comparePage, compareNearbyPage } from "./compare.js";
import { block, personBody } from "./details.js";
import { emptyState } from "./frame.js";
import { partHeader } from "./header.js";

let sought = "";

/** What an event tells of invites and of people nearby, once somebody looked at them. */
export function takeEvent({ type, person }) {
  if (type === "invite-changed" && state.invites) soon("invites", async () => { state.invites = (await get("/v1/invites")).invites; });
  if (type !== "nearby-changed" || !state.nearby) return;
  const rest = state.nearby.people.filter((each) => each.id !== person.id);
  state.nearby = { ...state.nearby, people: [...rest, person].sort((a, b) => a.id - b.id) };
}

export function list() {
  const [current, which] = state.route.parts;
  const all = [...state.contacts.values()].filter((each) => !each.is_request);
  const found = all.filter((each) => `${each.label} ${each.name}`.toLocaleLowerCase().includes(sought.toLocaleLowerCase())).sort((a, b) => a.label.localeCompare(b.label));
  const waiting = (state.introductions ?? []).filter((each) => each.state === "waiting").length;
  const ways = [["requests", "inbox", (state.status?.requests_count ?? 0) + invites().length + knocksCount(), ""], ["nearby", "radio", 0, ""], ["introductions", "handshake", waiting, "quiet"]];
  return html`<header class="header"><h2>${t("people.title")}</h2><a class="icon-button" href="#/people/add" aria-label=${t("add.title")}>${icon("user-plus", 21)}</a></header>
    <div class="search-field">${icon("search", 18)}<input type="search" aria-label=${t("people.search")} placeholder=${t("people.search")} .value=${sought} @input=${(event) => { sought = event.target.value; change(); }}></div>
    <div class="scroll" data-rows=".row:not(div)">
      ${ways.map(([name, glyph, count, kind]) => html`<a class="row short" href=${`#/people/${name}`} aria-current=${current === name ? "page" : nothing}><span class="glyph">${icon(glyph, 21)}</span><span class="text">${t(`people.${name}`)}</span>${count ? html`<span class="badge ${kind}">${count}</span>` : nothing}${icon("chevron-right", 18)}</a>`)}
      <div class="list-title"><span>${t("people.contacts")}</span><span>${all.length}</span></div>
      ${repeat(found, (each) => each.id, (each) => html`<a class="row" href=${`#/people/person/${each.id}`} aria-current=${current === "person" && Number(which) === each.id ? "page" : nothing}>${avatar(each.label, each.key, 44)}
        <span class="text"><span class="top"><bdi class="name">${each.label}</bdi>${keyBeside(each)}${trustIcon(each)}</span><span class="bottom"><span class="preview">${via(each)}</span></span></span></a>`)}
      ${all.length ? nothing : html`<div class="empty"><p>${t("people.none")}</p></div>`}
    </div>`;
}

function via(contact) {
  if (contact.is_blocked) return t("trust.blocked");
  if (hasNewKeys(contact)) return t("trust.keys");
  if (contact.state === "waiting for their key") return t("via.waiting");
  if (contact.state === "invited") return t("via.invited");
  if (contact.trust === "verified") return t("via.verified");
  if (contact.introduced_by) return t("via.introduced", { name: contact.introduced_by });
  return contact.trust === "known" ? t("via.link") : t("via.invite");
}

/** The page beside the list. */
export function page() {
  const [current, which] = state.route.parts;
  if (current === "requests") return requestsPage();
  if (current === "nearby") return which ? compareNearbyPage(Number(which)) : nearbyPage();
  if (current === "introductions") return introductionsPage();
  if (current === "add") return addPage();
  if (current === "compare") return comparePage(Number(which));
  if (current === "person") return personPage(Number(which));
  return emptyState("", t("people.pick"), html`<a class="button main" href="#/people/add">${icon("user-plus", 17)}${t("add.title")}</a>`);
}

function personPage(id) {
  return html`${partHeader({ title: t("person.title"), back: "#/people", actions: html`<a class="button" href=${`#/c/${id}`}>${icon("message-circle", 17)}${t("person.write")}</a>` })}
    <div class="scroll"><div class="page-body">${personBody(id)}</div></div>`;
}

// ---- [12] Requests ----

let requests = { messages: new Map(), problem: null };

onForget(() => { requests = { messages: new Map(), problem: null }; sought = ""; });

async function askRequests() {
  try {
    const answer = await get("/v1/messages", { requests: true, limit: 1000 });
    requests = { messages: new Map(), problem: null };
    for (const message of answer.messages) if (!requests.messages.has(message.contact)) requests.messages.set(message.contact, message);
  } catch (problem) { requests.problem = problem; }
  change();
}

function requestsPage() {
  const waiting = [...state.contacts.values()].filter((each) => each.is_request && !each.is_blocked);
  const count = waiting.length + invites().length + knocksCount();
  return html`${partHeader({ title: t("request.title"), back: "#/people", extra: count ? html`<span class="chip">${t("request.count", { n: count })}</span>` : nothing })}
    <div class="scroll"><div class="page-body">
      ${requests.problem ? failure(requests.problem, askRequests) : nothing}
      ${invites().length ? html`<h3 class="group-title">${t("group.invites")}</h3>${part("groups")?.inviteCards()}` : nothing}
      ${knocksCount() ? html`<h3 class="group-title">${t("knock.title")}</h3>${part("group_links")?.knockCards()}` : nothing}
      ${waiting.length ? html`<p class="lead">${t("request.lead")}</p>` : count ? nothing : emptyState("", t("request.none"))}
      ${waiting.map(request)}
    </div></div>`;
}

function request(contact) {
  const first = requests.messages.get(contact.id);
  const isAlike = contact.looks_like.length > 0;
  const accept = doing(async () => {
    const isHere = here();
    state.contacts.set(contact.id, await post(`/v1/contacts/${contact.id}/accept`));
    state.conversations.set(contact.id, await get(`/v1/conversations/${contact.id}`));
    toast(t("request.accepted", { name: contact.label }));
    if (isHere()) go(isAlike ? `#/people/compare/${contact.id}` : `#/c/${contact.id}`);
  });
  return html`<article class="card request" aria-label=${contact.label}>${avatar(contact.label, contact.key, 44)}<div class="grow">
    <div class="line"><bdi>${contact.label}</bdi>${keyBeside(contact)}${trustChip(contact)}</div>
    ${first ? html`<p class="small" title=${exact(first.received)}>${timeOfDay(first.received)}</p>` : nothing}
    ${isAlike ? html`<p class="care-line">${icon("shield-alert", 18)}<span>${rich("lookalike", { name: contact.looks_like.join(", ") })}</span></p>` : nothing}
    ${first ? html`<p class="saying" dir="auto">${first.text}</p>` : html`<p class="small">${t("request.silent")}</p>`}
    <div class="buttons"><button class="button ${isAlike ? "" : "main"}" @click=${accept}>${t(isAlike ? "request.acceptlike" : "request.accept")}</button>
      <a class="button plain" href="#/chats">${t("request.leave")}</a><button class="button danger" @click=${doing(() => block(contact))}>${t("request.block")}</button></div></div></article>`;
}

// ---- [13] People nearby ----

/** While somebody looks, it is asked again and again: who switches it on later is found too. */
const NEARBY_EVERY_MS = 15_000;
let nearbyProblem = null;
let nearbyTimer = 0;

async function askNearby() {
  clearTimeout(nearbyTimer);
  try { state.nearby = await get("/v1/nearby"); nearbyProblem = null; } catch (problem) { nearbyProblem = problem; }
  nearbyTimer = setTimeout(askNearbyAgain, NEARBY_EVERY_MS);
  change();
}

function askNearbyAgain() {
  const { section, parts } = state.route;
  if (section !== "people" || parts[0] !== "nearby" || !state.nearby?.is_on) return;
  if (document.hidden) nearbyTimer = setTimeout(askNearbyAgain, NEARBY_EVERY_MS);
  else askNearby();
}

function nearbyPage() {
  const nearby = state.nearby;
  const set = async (on) => { state.nearby = await post("/v1/nearby", { is_on: on }); if (on) setTimeout(askNearby, 1500); };
  return html`${partHeader({ title: t("nearby.title"), back: "#/people", actions: html`<button class="icon-button" aria-label=${t("doctor.again")} @click=${doing(askNearby)}>${icon("refresh-cw", 20)}</button>` })}
    <div class="scroll"><div class="page-body">
      ${nearbyProblem ? failure(nearbyProblem, askNearby) : nothing}
      <div class="card">${switchRow({ id: "nearby", title: t("nearby.switch"), line: nearby?.is_on ? t("nearby.on", { me: state.identity?.name ?? "" }) : t("nearby.off"), on: nearby?.is_on ?? false, set })}</div>
      ${nearby?.is_on ? html`${nearby.people.length ? html`<h3 class="group-title">${t("nearby.here")}</h3><div class="card">${nearby.people.map((person) => nearbyRow(person, nearby.people))}</div>` : emptyState("", t("nearby.none"))}
        <p class="small">${t("nearby.foot")}</p>` : nothing}
    </div></div>`;
}

function nearbyRow(person, all) {
  const isAlike = person.looks_like.length > 0 || all.some((other) => other !== person && other.name === person.name);
  const line = { seen: t("nearby.seen"), "asked by us": t("nearby.asked"), "asked by them": t("nearby.asks"), compare: t("nearby.look"), matched: t("nearby.matched"), failed: t("nearby.failed") }[person.state];
  const compare = doing(async () => { const isHere = here(); if (["seen", "asked by them", "failed"].includes(person.state)) await post(`/v1/nearby/${person.id}/compare`); if (isHere()) go(`#/people/nearby/${person.id}`); });
  return html`<div class="setting">${avatar(person.name, "", 44)}<span class="grow"><span class="title"><bdi>${person.name}</bdi></span><span class="line">${isAlike ? `${t("nearby.number", { n: person.id })} · ` : ""}${line}</span>
      ${person.looks_like.length ? html`<span class="care-line">${t("nearby.like", { name: person.looks_like.join(", ") })}</span>` : nothing}</span>
    ${person.state === "matched" ? person.contact ? html`<a class="button" href=${`#/c/${person.contact}`}>${t("nearby.open")}</a>` : html`<span class="small">${t("nearby.making")}</span>`
      : html`<button class="button ${person.state === "asked by them" || person.state === "compare" ? "main" : ""}" @click=${compare}>${t(person.state === "compare" ? "nearby.look" : "nearby.compare")}</button>`}</div>`;
}

// ---- Introductions ----

function introductionsPage() {
  const all = state.introductions ?? [];
  return html`${partHeader({ title: t("intro.title"), back: "#/people" })}<div class="scroll"><div class="page-body">
    <p class="lead">${t("intro.lead")}</p>${all.length ? nothing : emptyState("", t("intro.none"))}
    ${all.map((each) => html`<article class="card request">${avatar(each.name, each.key, 44)}<div class="grow"><div class="line"><bdi>${each.name}</bdi><span class="chip">${t(`intro.state.${each.state}`)}</span></div>
      <p class="small">${t("intro.by", { name: each.by })}</p>
      ${each.looks_like.length ? html`<p class="care-line">${icon("shield-alert", 18)}<span>${rich("lookalike", { name: each.looks_like.join(", ") })}</span></p>` : nothing}
      ${each.state === "waiting" ? html`<div class="buttons"><button class="button main" @click=${doing(() => post(`/v1/introductions/${each.id}`, { is_accepted: true }))}>${t("intro.accept")}</button>
        <button class="button" @click=${doing(() => post(`/v1/introductions/${each.id}`, { is_accepted: false }))}>${t("intro.decline")}</button></div>` : nothing}</div></article>`)}
  </div></div>`;
}

onArrival(({ section, parts }) => {
  if (section !== "people" || state.phase !== "ready") return;
  if (parts[0] === "requests") askRequests();
  if (parts[0] === "nearby") askNearby();
  if (parts[0] === "introductions") get("/v1/introductions").then((answer) => { state.introductions = answer.introductions; change(); }, () => {});
});
