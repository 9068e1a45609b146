// Files that go with what is written: chosen, dropped or pasted, and handed over to the daemon at once. Their bytes stay in the page
// until they are in a message, so a daemon that begins anew loses nothing of them.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { isClosed } from "../acts.js";
import { post, Problem } from "../api.js";
import { failed, openDialog } from "../dom.js";
import { canChange } from "../groups.js";
import { icon } from "../icons.js";
import { endsByItself, isFullDisk, Patience } from "../patience.js";
import { change, onForget, state } from "../state.js";
import { bytes } from "../times.js";
import { upload } from "../transfers.js";
import { t, told } from "../words.js";
import "../words_more.js";
import { focusComposer } from "./composer.js";
import { fileIcon, fileName } from "./files.js";

/** What is larger goes from node to node, and what is larger than that goes nowhere. */
export const CARRIED_BYTES_MAX = 975_000;
const FILE_BYTES_MAX = 2_147_483_648;
/** Of a picture a smaller one is made and sent. */
const PICTURE_BYTES_MAX = 25_165_824;
const FILES_MAX = 16;
const NAME_BYTES_MAX = 255;
const TYPE_BYTES_MAX = 64;

/** Let files go with what is written next; what cannot is said in words, all of it at once. */
export async function attach(each, chosen) {
  if (!each || isClosed(each) || !chosen.length) return;
  const large = chosen.filter((file) => file.size > (isPicture(file) ? PICTURE_BYTES_MAX : FILE_BYTES_MAX));
  const room = FILES_MAX - (state.attached.get(each.number) ?? []).length;
  if (chosen.length > room) { failed({ type: "too-many-files" }, { n: FILES_MAX }); return; }
  for (const file of chosen.filter((one) => !large.includes(one))) {
    // Read now: what the file is later is another one. A large one stays on the disk; a browser refuses it once it was changed.
    let data = file;
    try {
      if (file.size <= PICTURE_BYTES_MAX) data = new Blob([await file.arrayBuffer()]);
      else await file.slice(0, 1).arrayBuffer();
    } catch { failed({ type: "unreadable" }, { name: file.name }); continue; }
    add(each.number, { name: file.name || t("look.file"), media_type: file.type, data });
  }
  focusComposer();
  if (large.length) sayTooLarge(large);
}

/** Put one file beside those that wait in a conversation, and hand it over. */
function add(conversation, told) {
  state.attached.set(conversation, [...(state.attached.get(conversation) ?? []), entryOf(told)]);
  change();
  handOver();
}

/** A file as the page keeps it until it is in a message. `fields`: what else is told of it. */
export const entryOf = ({ name, media_type, data, ...fields }) => ({
  key: crypto.randomUUID(), name: fitting(name), media_type: new TextEncoder().encode(media_type).length > TYPE_BYTES_MAX ? "" : media_type, data, size: data.size, fields, ...fields, number: 0, sent: 0, problem: null, sending: null,
});

/** A name of the bytes that one may have, with its end. */
function fitting(name) {
  const signs = [...name];
  const size = new TextEncoder();
  while (size.encode(signs.join("")).length > NAME_BYTES_MAX) signs.splice(Math.floor(signs.length / 2), 1);
  return signs.join("");
}

function remove(conversation, entry) {
  entry.sending?.abort();
  if (entry.number) post(`/v1/files/${entry.number}/cancel`).catch(() => { /* it is forgotten after a day */ });
  const rest = (state.attached.get(conversation) ?? []).filter((other) => other !== entry);
  if (rest.length) state.attached.set(conversation, rest);
  else state.attached.delete(conversation);
  change(focusComposer);
}

const isWaiting = (entry) => Boolean(entry.problem) && endsByItself(entry.problem) && !isFullDisk(entry.problem);
let isHanding = false;
const patience = new Patience(() => { if (!state.silentSince) handOver(); });

/** Hand over what is attached, one after the other; what failed is tried again when the daemon answers. */
export async function handOver() {
  if (isHanding || state.phase !== "ready") return;
  isHanding = true;
  try {
    for (;;) {
      const entry = [...state.attached.values()].flat().find((one) => !one.number && (!one.problem || isWaiting(one)));
      if (!entry) return;
      try { await numberOf(entry); patience.calm(); } catch { if (isWaiting(entry) && [...state.attached.values()].flat().includes(entry)) { patience.later(); return; } }
    }
  } finally { isHanding = false; }
}

/** The numbers of files for a message; those that were not handed over yet are now. Throws a Problem. */
export async function numbersOf(entries) {
  const numbers = [];
  for (const entry of entries) numbers.push(await numberOf(entry));
  return numbers;
}

async function numberOf(entry) {
  if (entry.number) return entry.number;
  // The daemon takes one at a time.
  entry.handing ??= turn.then(() => handing(entry)).finally(() => { entry.handing = null; change(); });
  turn = entry.handing.catch(() => { /* whoever waits for it is told */ });
  return entry.handing;
}

let turn = Promise.resolve();
const TRIES_MAX = 8;
const TRY_AGAIN_MS = 1000;

/** Hand one over. Another program may have its turn: wait for it. */
async function uploaded(entry, query, tries = 1) {
  try {
    return await upload(`/v1/files?${query}`, entry.data, { signal: entry.sending.signal, progress: (part) => { entry.sent = part; change(); } });
  } catch (problem) {
    if (problem.type !== "too-many" || tries >= TRIES_MAX || entry.sending.signal.aborted) throw problem;
    await new Promise((resolve) => { setTimeout(resolve, TRY_AGAIN_MS); });
    return uploaded(entry, query, tries + 1);
  }
}

async function handing(entry) {
  entry.sending = new AbortController();
  entry.problem = null;
  change();
  try {
    // One that came back from what was to be sent later has no bytes here.
    if (!entry.data) throw new Problem("unreadable", 0, "", { name: entry.name });
    const { name, media_type, fields } = entry;
    const query = new URLSearchParams({ name, ...(media_type ? { media_type } : {}), ...fields });
    const answer = await uploaded(entry, query);
    // Of a picture another one is sent, which tells nothing of place and time.
    Object.assign(entry, answer);
    return entry.number;
  } catch (problem) {
    entry.sent = 0;
    entry.problem = problem instanceof Problem ? problem : new Problem("internal");
    throw entry.problem;
  } finally { entry.sending = null; }
}

onForget(() => { for (const entry of [...state.attached.values()].flat()) entry.sending?.abort(); });

// ---- What is attached, above the field ----

export const chips = (each, entries) => html`<ul class="attached" aria-label=${t("attach.list")}>${entries.map((entry) => html`<li class=${entry.problem ? "bad" : ""}>
  ${icon(fileIcon(entry), 18)}<span class="grow">${fileName(entry.name)}<span class="small" role=${entry.problem ? "alert" : nothing}>${bytes(entry.size)}${entry.problem ? ` · ${isWaiting(entry) ? t("attach.waits") : told(entry.problem)}` : nothing}</span>
    ${entry.number || entry.problem ? nothing : html`<progress max="1" value=${entry.sent} aria-label=${t("attach.handing", { name: entry.name })}></progress>`}</span>
  ${entry.problem && !isWaiting(entry) ? html`<button type="button" class="button" @click=${() => { entry.problem = null; handOver(); }}>${t("again")}</button>` : nothing}
  <button type="button" class="icon-button small" aria-label=${t("attach.remove", { name: entry.name })} title=${t("attach.remove", { name: entry.name })} @click=${() => remove(each.number, entry)}>${icon("x", 17)}</button></li>`)}</ul>
  ${entries.some(isDirect) ? html`<p class="small">${t("attach.direct")}</p>` : nothing}`;

/** Larger than what is carried. Of a picture a smaller one is made first. */
const isDirect = (entry) => entry.size > CARRIED_BYTES_MAX && (entry.number > 0 || !/^image\//.test(entry.media_type));

const isPicture = (file) => /^image\/(jpeg|png|webp|gif)$/.test(file.type);

/** Say of files that they are too large, and what helps. */
const sayTooLarge = (files) => openDialog({
  title: t("attach.large.title", { n: files.length }), safe: t("close"), closed: focusComposer,
  body: html`<ul class="facts">${files.map((file) => html`<li><span class="mark care">${icon("circle-alert", 17)}</span><span class="grow">${fileName(file.name)}<span class="small">${bytes(file.size)}</span></span></li>`)}</ul>
    <p>${t("attach.large")}</p><p>${t("attach.large.other")}</p>`,
});

// ---- Dropping files on a conversation ----

/** The conversation on the screen, and its part of the page; a drag over anything else must not lead away from the page. */
const target = () => {
  const each = state.phase === "ready" && !state.dialog ? state.conversations.get(state.route.conversation) : null;
  return each && !each.is_blocked && !each.is_request && canChange(each) ? { each, place: document.querySelector(".part.middle") } : null;
};
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
let leaving = 0;

function over(event) {
  if (!hasFiles(event)) return;
  event.preventDefault();
  const found = target();
  event.dataTransfer.dropEffect = found ? "copy" : "none";
  if (!found?.place) return;
  found.place.dataset.drop = t("attach.drop", { name: found.each.kind === "self" ? t("me.title") : found.each.title });
  clearTimeout(leaving);
  // While something is dragged this comes every few hundred milliseconds.
  leaving = setTimeout(() => { delete found.place.dataset.drop; }, 700);
}

function dropped(event) {
  if (!hasFiles(event)) return;
  event.preventDefault();
  const found = target();
  if (!found) return;
  delete found.place.dataset.drop;
  attach(found.each, [...event.dataTransfer.files]).catch(failed);
}

addEventListener("dragover", over);
addEventListener("drop", dropped);
