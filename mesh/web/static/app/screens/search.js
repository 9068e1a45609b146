// [17] What is sought: people, chats and pages at once, and messages in the vault.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { get } from "../api.js";
import { failure } from "../dom.js";
import { icon } from "../icons.js";
import { trustIcon } from "../marks.js";
import { go } from "../router.js";
import { closeSearch } from "../seeking.js";
import { change, state } from "../state.js";
import { body, oneLine } from "../text.js";
import { exact, short } from "../times.js";
import { rich, t } from "../words.js";
import "../words_more.js";
import { listed, pictureOf, titleOf } from "./chats.js";
import { show } from "./conversation.js";

const MOST_CHATS = 30;
const PAGE = 50;
const CALM_MS = 150;
const BEFORE = 16;
const AFTER = 160;

const commands = () => [["#/people/add", "user-plus", t("add.title")], ["#/people/nearby", "radio", t("people.nearby")], ["#/people/requests", "inbox", t("people.requests")], ["#/network/doctor", "stethoscope", t("doctor.title")], ["#/network/carrying", "package", t("carry.title")], ["#/settings/appearance", "palette", t("settings.appearance")], ["#/settings/lock", "key-round", t("settings.lock")]];

let waiting = 0;

/** Seek what is typed, once the typing is calm; with `before` further hits of the same. */
export function seek(before) {
  const search = state.search;
  if (!search) return;
  clearTimeout(waiting);
  const wanted = search.text.trim();
  if (!wanted) { Object.assign(search, { hits: [], hasMore: false, sought: "", at: -1, problem: null }); return; }
  waiting = setTimeout(() => ask(search, wanted, before), before ? 0 : CALM_MS);
}

async function ask(search, wanted, before) {
  search.busy = true;
  try {
    const answer = await get("/v1/search", { q: wanted, conversation: search.conversation || undefined, before, limit: PAGE });
    if (state.search !== search || search.text.trim() !== wanted) return;
    search.hits = before ? [...search.hits, ...answer.hits] : answer.hits;
    search.hasMore = answer.has_more;
    search.sought = wanted;
    search.problem = null;
    if (!before) search.at = -1;
    for (const stream of state.streams.values()) stream.found = new Map(search.hits.map(({ item, spans }) => [item.number, spans]));
  } catch (problem) {
    if (state.search === search) search.problem = problem;
  } finally { search.busy = false; change(); }
}

const holds = (hay, wanted) => hay.toLocaleLowerCase().includes(wanted.toLocaleLowerCase());

/** The search where the list of chats else stands. */
export function searchList() {
  const search = state.search;
  const wanted = search.text.trim();
  const here = state.conversations.get(search.conversation);
  const chats = here ? [] : listed().filter((each) => !wanted || holds(titleOf(each), wanted)).slice(0, MOST_CHATS);
  const pages = here || !wanted ? [] : commands().filter(([, , label]) => holds(label, wanted));
  const isNone = wanted && search.sought === wanted && !search.problem && !chats.length && !pages.length && !search.hits.length;
  return html`<header class="header"><h2>${t("search.title")}</h2><button class="icon-button" aria-label=${t("close")} @click=${closeSearch}>${icon("x", 21)}</button></header>
    <div class="search-field">${icon("search", 18)}<input type="search" aria-label=${t(here ? "search.here" : "search.jump")} placeholder=${t(here ? "search.here" : "search.jump")} .value=${search.text} @input=${(event) => { search.text = event.target.value; seek(); change(); }} @keydown=${fieldKeys}></div>
    ${here || state.route.conversation ? html`<div class="filters">${here ? html`<button class="filter" aria-pressed="true" @click=${() => within(0)}>${rich("search.in", { name: titleOf(here) })}</button>`
      : html`<button class="filter" aria-pressed="false" @click=${() => within(state.route.conversation)}>${t("search.here")}</button>`}</div>` : nothing}
    <div class="scroll" data-rows=".row, .wide">
      ${chats.length || pages.length ? html`<h3 class="list-title">${t("search.people")}</h3>` : nothing}
      ${repeat(chats, (each) => each.number, (each) => html`<button class="row short" @click=${() => leave(`#/c/${each.number}`)}>${pictureOf(each, 36)}<span class="text name"><bdi>${titleOf(each)}</bdi></span></button>`)}
      ${pages.map(([hash, glyph, label]) => html`<button class="row short" @click=${() => leave(hash)}><span class="glyph">${icon(glyph, 20)}</span><span class="text">${label}</span></button>`)}
      ${search.hits.length ? html`<h3 class="list-title"><span>${t("search.messages")}</span><span>${t(search.hasMore ? "search.more" : "search.found", { n: search.hits.length })}</span></h3>` : nothing}
      ${search.hits.map(hitRow)}
      ${search.hasMore ? html`<button class="button plain wide" @click=${() => seek(search.hits.at(-1).item.number)}>${t("more")}</button>` : nothing}
      ${search.problem ? failure(search.problem, () => seek()) : nothing}
      ${isNone ? html`<p class="search-note" role="status">${t("search.none", { q: wanted })}</p>` : nothing}
      <p class="search-note">${t("search.scope")}</p></div>`;
}

function within(conversation) {
  Object.assign(state.search, { conversation, hits: [], at: -1 });
  seek();
  change(() => document.querySelector(".search-field input")?.focus());
}

const leave = (hash) => { closeSearch(); go(hash); };

function hitRow(hit, place) {
  const { item } = hit;
  const each = state.conversations.get(item.conversation);
  if (!each) return nothing;
  const contact = state.contacts.get(each.contact);
  const { text, found } = cut(hit);
  return html`<button class="row" aria-current=${state.search.at === place ? "true" : nothing} @click=${() => jumpTo(place)}>${pictureOf(each, 44)}<span class="text">
    <span class="top"><bdi class="name">${titleOf(each)}</bdi>${contact ? trustIcon(contact) : nothing}<time class="time" title=${exact(item.sent)}>${short(item.sent)}</time></span>
    <span class="bottom"><span class="preview" dir="auto">${item.author.is_mine && each.kind !== "self" ? `${t("you")}: ` : nothing}${body(text, { found, hasLinks: false })}</span></span></span></button>`;
}

/** A hit in one line, with the match always inside what is shown. */
function cut({ item, spans }) {
  const signs = [...item.text];
  const from = Math.max(0, (spans[0]?.start ?? 0) - BEFORE);
  const lead = from ? "…" : "";
  // Each sign stays one sign, so that the places of what was found stay true.
  const text = lead + signs.slice(from, from + BEFORE + AFTER).map((sign) => (/\s/.test(sign) ? " " : sign)).join("");
  return { text, found: spans.map(({ start, length }) => ({ start: start - from + lead.length, length })).filter(({ start }) => start >= 0) };
}

function fieldKeys(event) {
  if (event.isComposing || !["ArrowDown", "Enter"].includes(event.key)) return;
  const first = document.querySelector(".list .scroll .row");
  if (!first) return;
  event.preventDefault();
  if (event.key === "Enter") first.click();
  else first.focus();
}

/** Show a hit where it stands; it flashes, and has the focus. */
async function jumpTo(place) {
  const search = state.search;
  const { item } = search.hits[place];
  search.at = place;
  search.isFront = false;
  if (state.route.conversation === item.conversation && !state.route.parts.length) await show(item.conversation, item.number);
  else go(`#/c/${item.conversation}/m/${item.number}`);
  const stream = state.streams.get(item.conversation);
  if (stream) stream.found = new Map(search.hits.map((hit) => [hit.item.number, hit.spans]));
  change();
}

/** Which hit of this conversation is shown, and the way to the ones before and after it. */
export function findBar(each) {
  const search = state.search;
  const here = search.hits.map((hit, place) => ({ hit, place })).filter(({ hit }) => hit.item.conversation === each.number);
  const at = here.findIndex(({ place }) => place === search.at);
  if (at < 0) return nothing;
  const step = (by, words, glyph) => html`<button class="icon-button" aria-label=${t(words)} ?disabled=${!here[at + by]} @click=${() => jumpTo(here[at + by].place)}>${icon(glyph, 20)}</button>`;
  return html`<div class="find-bar" role="search">${icon("search", 17)}<span class="grow">${rich("search.at", { n: at + 1, m: here.length, q: oneLine(search.sought, 60) })}</span>
    ${step(1, "search.earlier", "chevron-up")}${step(-1, "search.later", "chevron-down")}<button class="icon-button" aria-label=${t("close")} @click=${closeSearch}>${icon("x", 20)}</button></div>`;
}
