// The files of messages: cards with what is done with them, pictures and voice notes.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ask, post, Problem } from "../api.js";
import { confirm, doing, toast } from "../dom.js";
import { icon } from "../icons.js";
import { fetchPart } from "../later.js";
import { oneLine } from "../text.js";
import { bytes } from "../times.js";
import { piecesOf } from "../transfers.js";
import { rich, t } from "../words.js";
import "../words_more.js";
import { isShown, picture } from "./pictures.js";
import { voiceNote } from "./voice.js";

export { filesPanel, takeEvent } from "./kept.js";
export { toggleVoice } from "./voice.js";

// With their looks, or what is drawn would move when those come.
await new Promise((resolve) => {
  const looks = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/styles/files.css", onload: resolve, onerror: resolve });
  document.head.append(looks);
});

const GLYPHS = [[/^image\//, "image"], [/^audio\//, "music"], [/^video\//, "video"], [/zip|tar|compress|7z/, "file-archive"], [/^text\/|pdf|document|sheet|presentation/, "file-text"]];

/** What a file seems to be, by what its author says: a picture of that and nothing more. */
export const fileIcon = ({ media_type }) => GLYPHS.find(([kind]) => kind.test(media_type))?.[1] ?? "file";

const TAIL = 10;

/** A name in one line, cut in its middle so that its end stays; always from left to right. */
export function fileName(name) {
  const signs = [...(oneLine(name, 255) || t("look.file"))];
  const cut = Math.max(0, signs.length - TAIL);
  return html`<bdi class="file-name" dir="ltr" title=${signs.join("")}><span class="start">${signs.slice(0, cut).join("")}</span><span>${signs.slice(cut).join("")}</span></bdi>`;
}

/** All files of an item, or of what is on its way to the daemon. */
export const filesOf = (each, item) => html`<div class="files">${item.files.map((file) => (VIEWS[file.look] ?? card)(each, item, file))}</div>`;

const VIEWS = { picture: (each, item, file) => (isShown(file) ? picture(each, item, file) : card(each, item, file)), voice: voiceNote };

// ---- Cards ----

export function card(each, item, file, tile = html`<span class="tile">${icon(fileIcon(file), 20)}</span>`) {
  const { words, kind = "", at, of } = progressOf(each, item, file);
  return html`<div class="file ${kind}" data-file=${file.number || file.key}>${tile}
    <div class="grow">${fileName(file.name)}${of ? html`<progress max=${of} value=${at} aria-label=${oneLine(file.name, 64)}></progress>` : nothing}
      <span class="small">${bytes(file.size)}${words ? html` · <span class="told">${words}</span>` : nothing}</span></div>
    ${item.entry ? nothing : buttons(each, item, file)}</div>`;
}

/** What is known of how far a file is: words, and a part of a whole while that is not all. */
export function progressOf(each, item, file) {
  const { state: stands, here_count: here, blocks_count: count, opened_count: opened, size } = file;
  if (item.entry) return file.number ? { words: t("file.handed") } : { words: t("file.handing"), at: file.sent, of: 1 };
  if (stands === "lost") return { words: t("file.lost"), kind: "care" };
  if (file.is_mine) {
    if (each.kind === "self" || !["awaiting-key", "queued", "carried", "delivered", "read", "expired"].includes(item.state)) return { words: "" };
    if (each.kind === "group" && (stands === "here" || file.is_direct)) return onDevices(file);
    if (file.is_direct) return given(file);
    if (opened >= count) return { words: t("file.opened"), kind: "proof" };
    return { words: t("file.opening", { n: opened, m: count }), at: opened, of: count };
  }
  if (stands === "here") return { words: "" };
  if (stands === "cancelled") return { words: t("file.cancelled") };
  if (stands === "waits") return { words: t("file.waits") };
  if (stands === "no-room") return { words: t("file.noroom"), kind: "care", at: here, of: count };
  return { words: `${t("file.here", { n: here, m: count })}${stands === "paused" ? ` · ${t("file.paused")}` : ""}`, at: here, of: count };
}

/** On how many members' devices all of a file of ours is known to be. */
function onDevices({ devices }) {
  if (!devices?.of || devices.told === null) return { words: "" };
  const { told: n, of: m } = devices;
  return { words: t("file.devices", { n, m }), kind: n >= m ? "proof" : "", at: n, of: n >= m ? 0 : m };
}

/** How far a large file of ours has gone to them. */
function given({ state: stands, opened_count: n, blocks_count: m }) {
  if (n >= m) return { words: t("file.given"), kind: "proof" };
  if (stands === "cancelled") return { words: t("file.stopped") };
  return { words: stands === "paused" ? `${t("file.giving", { n, m })} · ${t("file.paused")}` : t(n ? "file.giving" : "file.linked", { n, m }), at: n, of: m };
}

/** What becomes of it an event tells: the answer may be older than that. */
const act = (file, what) => doing(() => post(`/v1/files/${file.number}/${what}`));

export function buttons(each, item, file) {
  const name = oneLine(file.name, 64);
  const button = (glyph, key, work) => html`<button class="icon-button small" aria-label=${t(key, { name })} title=${t(key, { name })} @click=${work}>${icon(glyph, 19)}</button>`;
  if (isGiven(each, file)) return ofGiving(file, button);
  if (file.state === "here") return button("download", "file.save", doing(() => saveFile(each, item, file)));
  if (file.state === "fetching") return html`${button("pause", "file.pause", act(file, "pause"))}${button("x", "file.cancel", act(file, "cancel"))}`;
  if (["paused", "waits", "no-room"].includes(file.state)) return html`${button("arrow-down", "file.fetch", act(file, "fetch"))}${button("x", "file.cancel", act(file, "cancel"))}`;
  if (file.state === "cancelled") return button("arrow-down", "file.fetch", act(file, "fetch"));
  return nothing;
}

/** A large file of ours is given until it is there, or until one says that it is not. */
const isGiven = (each, file) => file.is_mine && file.is_direct && each.kind !== "self" && file.opened_count < file.blocks_count && ["here", "paused"].includes(file.state);

function ofGiving(file, button) {
  const [glyph, key, what] = file.state === "paused" ? ["play", "file.go", "fetch"] : ["pause", "file.pause", "pause"];
  return html`${button(glyph, key, act(file, what))}${button("x", "file.stop", act(file, "cancel"))}`;
}

// ---- Saving ----

const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** A name that means a plain, visible file in whatever folder, on every system. */
export function safeName(name) {
  const last = oneLine(name.replaceAll("\\", "/").split("/").at(-1), 200).replace(/[<>:"|?*%~]/g, "_").replace(/^[ .]+|[ .]+$/g, "");
  const [stem] = last.split(".");
  return !stem || RESERVED.test(stem.trim()) ? `file_${last}` : last;
}

/** Save a file with the browser's downloads. What somebody else named is asked for first. */
export async function saveFile(each, item, file) {
  const name = safeName(file.name);
  if (!file.is_mine) {
    const body = html`<p>${fileName(name)}</p><p>${rich("file.save.means", { name: item.author?.label || each.title })}</p>${item.timer ? html`<p>${t("file.save.stays")}</p>` : nothing}`;
    if (!(await confirm({ title: t("file.save.ask"), body, yes: t("file.save.do"), danger: false }))) return;
  }
  const place = file.size > HELD_BYTES_MAX && window.showSaveFilePicker ? await placeFor(name) : null;
  if (place === undefined) return;
  const answer = await ask("GET", `/v1/files/${file.number}`, { raw: true, streams: true, seconds: 120 });
  if (place) await writeTo(place, answer);
  else await (await fetchPart("network")).saveAnswer(new Response(await gathered(answer), { headers: { "Content-Type": "application/octet-stream" } }), name);
  toast(t(place ? "file.saved.there" : "file.saved"));
}

/** A larger file goes to the disk as it comes, where the browser can write there. */
const HELD_BYTES_MAX = 32 << 20;

/** The place that the person chooses; undefined if none. */
async function placeFor(name) {
  try { return await window.showSaveFilePicker({ suggestedName: name }); } catch (error) {
    if (error.name === "AbortError") return undefined;
    return null;
  }
}

/** What comes is there when all of it is; what fails leaves what was there before. */
async function writeTo(place, answer) {
  const file = await place.createWritable();
  try {
    for await (const piece of piecesOf(answer)) await file.write(piece);
  } catch (error) { await file.abort().catch(() => {}); throw error instanceof Problem ? error : new Problem("disk"); }
  await file.close();
}

/** Browsers that write nowhere hold it as blobs, which they move to the disk by themselves. */
async function gathered(answer) {
  const blobs = [];
  let pieces = [], held = 0;
  const put = () => { blobs.push(new Blob(pieces)); pieces = []; held = 0; };
  for await (const piece of piecesOf(answer)) {
    pieces.push(piece);
    held += piece.length;
    if (held >= 8 << 20) put();
  }
  put();
  return new Blob(blobs);
}
