// [14] Add a person: my code, scan theirs, or paste their link.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ref } from "../../vendor/lit-html/directives/ref.js";
import { get, post, remove } from "../api.js";
import { closeDialog, confirm, copyText, doing, failed, failure, here, openDialog, toast } from "../dom.js";
import { icon } from "../icons.js";
import { fetchPart } from "../later.js";
import { keyStart } from "../marks.js";
import { go, onArrival, replace } from "../router.js";
import { choiceRow, switchRow } from "../setting_rows.js";
import { change, onForget, state } from "../state.js";
import { timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import { openForm } from "./create.js";
import { partHeader } from "./header.js";

const TABS = [["code", "qr-code"], ["scan", "scan-line"], ["paste", "clipboard-paste"]];
const DAYS = [1, 7, 30];
const PEOPLE = [1, 5, 20, 100];

let problem = null;
let chosen = 0;
/** The invite whose code was shown last, and the contacts that were there when it was shown first. */
let shown = 0;
let before = new Set();

/** One that a letter to a member holds is open too, and has no code to show. */
const isShowable = (each) => each.state === "open" && each.link;

async function askInvites() {
  try {
    state.invites = (await get("/v1/invites")).invites;
    problem = null;
    if (!state.invites.some(isShowable)) await make({ uses_max: 1, days: 7 });
  } catch (refused) { problem = refused; }
  change();
}

async function make({ uses_max, days, label = "", with_addresses = false }) {
  const made = await post("/v1/invites", { label, uses_max, lifetime_s: days * 86_400, with_addresses });
  state.invites = [made, ...(state.invites ?? []).filter((each) => each.id !== made.id)];
  chosen = made.id;
}

export function addPage() {
  const tab = TABS.some(([name]) => name === state.route.parts[1]) ? state.route.parts[1] : "code";
  return html`${partHeader({ title: t("add.title"), back: "#/people" })}<div class="scroll"><div class="page-body">
    <nav class="tabs" aria-label=${t("add.title")}>${TABS.map(([name, glyph]) => html`<a href=${`#/people/add/${name}`} aria-current=${tab === name ? "page" : nothing}>${icon(glyph, 18)}${t(`add.${name}`)}</a>`)}</nav>
    ${tab === "code" ? codeTab() : tab === "scan" ? scanTab() : pasteTab()}</div></div>`;
}

// ---- My code ----

function codeTab() {
  if (problem) return failure(problem, askInvites);
  const open = (state.invites ?? []).filter(isShowable);
  const invite = open.find((each) => each.id === chosen) ?? open[0];
  if (invite && invite.id !== shown) { shown = invite.id; before = new Set(state.contacts.keys()); }
  const others = (state.invites ?? []).filter((each) => each !== invite);
  return html`${invite ? html`<div class="two"><div class="qr">${qr(codeOf(invite))}</div><div class="stack">
      <h3>${t("add.who")}</h3><p class="lead">${t("add.for", { n: invite.uses_max - invite.uses, t: timeOfDay(invite.expires) })} ${t(invite.uses_max > 1 ? "invite.many" : "add.care")}</p>
      <div class="link-well"><code>${invite.link}</code><button class="button" @click=${doing(() => copyText(invite.link))}>${icon("copy", 17)}${t("add.copy")}</button></div>
      <dl class="pairs"><dt>${t("add.uses")}</dt><dd>${t("add.of", { n: invite.uses, m: invite.uses_max })}</dd><dt>${t("add.label")}</dt><dd><bdi>${invite.label || t("add.none")}</bdi></dd><dt>${t("add.lives")}</dt><dd>${timeOfDay(invite.expires)}</dd>${invite.addresses.length ? html`<dt>${t("add.where")}</dt><dd dir="ltr">${invite.addresses.join(", ")}</dd>` : nothing}</dl>
      <div class="buttons"><button class="button" @click=${newInvite}>${icon("sliders-horizontal", 17)}${t("add.change")}</button>
        <button class="button danger" @click=${doing(() => revoke(invite))}>${t("add.revoke")}</button>
        ${invite.short_link && state.status?.links_count ? html`<button class="button plain" @click=${doing(() => copyText(invite.short_link))}>${t("add.short")}</button>` : nothing}</div></div></div>`
    : state.invites ? whenNoneIsOpen() : html`<p class="lead" aria-busy="true">${t("loading")}</p>`}
    <div class="card"><div class="setting"><span class="grow"><span class="title">${t("add.stand")}</span><span class="line">${t("add.stand.line")}</span></span><a class="button" href="#/people/nearby">${t("people.nearby")}</a></div>
      ${others.length ? html`<div class="setting"><span class="grow"><span class="title">${t("add.others")}</span><span class="line">${t("add.others.line", { n: others.length })}</span></span><button class="button plain" @click=${() => listInvites()}>${t("show")}</button></div>` : nothing}</div>`;
}

/** The code that was shown here may be used: who came by it is told where nobody else can be meant. */
function whenNoneIsOpen() {
  const isUsed = state.invites.some((each) => each.id === shown && each.state === "used up");
  const come = isUsed ? [...state.contacts.values()].filter((each) => !before.has(each.id)) : [];
  const guest = come.length === 1 && !come[0].is_request && !come[0].is_blocked ? come[0] : null;
  return html`<p class="lead" role="status">${guest ? rich("invite.used", { name: guest.label }) : t(isUsed ? "invite.used.some" : "invite.empty")}</p><div class="buttons">
    ${guest ? html`<a class="button main" href=${`#/c/${guest.id}`}>${t("person.write")}</a>` : nothing}<button class="button ${guest ? "" : "main"}" @click=${newInvite}>${t("add.make")}</button></div>`;
}

const codes = new Map();

onForget(() => { codes.clear(); typed = useless = ""; });

/** The rows of modules of an invite's code; asked for once. */
function codeOf(invite) {
  if (!codes.has(invite.id)) {
    codes.set(invite.id, null);
    post("/v1/qr", { text: invite.qr }).then((answer) => { codes.set(invite.id, answer.rows); change(); }, () => codes.delete(invite.id));
  }
  return codes.get(invite.id);
}

/** Rows of modules as one path: "1" is dark. */
export function qr(rows, label = t("add.who")) {
  if (!rows?.length) return html`<p class="small" aria-busy="true">${t("loading")}</p>`;
  const quiet = 2;
  const path = rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map((run) => `M${run.index + quiet} ${y + quiet}h${run[0].length}v1h-${run[0].length}z`)).join("");
  const side = rows.length + 2 * quiet;
  return html`<svg viewBox="0 0 ${side} ${side}" shape-rendering="crispEdges" role="img" aria-label=${label}><path d=${path}></path></svg>`;
}

function newInvite() {
  const form = { uses_max: 1, days: 7, with_addresses: false };
  openForm({
    title: t("invite.title"), acts: t("add.make"), act: async (data) => { await make({ ...form, label: data.get("label") }); },
    view: () => html`<div class="card">
      ${choiceRow({ id: "invite-people", title: t("invite.people"), value: form.uses_max, options: PEOPLE.map((n) => [n, n]), set: (value) => { form.uses_max = Number(value); change(); } })}
      ${choiceRow({ id: "invite-days", title: t("invite.days"), value: form.days, options: DAYS.map((n) => [n, t("invite.day", { n })]), set: (value) => { form.days = Number(value); } })}
      ${switchRow({ id: "invite-where", title: t("invite.where"), line: t("invite.where.line"), on: form.with_addresses, set: (value) => { form.with_addresses = value; change(); } })}</div>
      ${form.uses_max > 1 ? html`<p class="small">${t("invite.many")}</p>` : nothing}
      <div class="field"><label for="invite-label">${t("add.label")}</label><input type="text" id="invite-label" name="label" dir="auto" autofocus></div>`,
  });
}

async function revoke(invite) {
  if (!(await confirm({ title: t("invite.revoke.ask"), body: nothing, yes: t("add.revoke") }))) return;
  await remove(`/v1/invites/${invite.id}`);
  await askInvites();
}

const listInvites = () => openDialog({
  title: t("add.others"), broad: true, safe: t("close"),
  body: () => html`<div class="card">${state.invites.map((each) => html`<div class="setting"><span class="grow"><span class="title"><bdi>${each.label || t("add.none")}</bdi></span><span class="line">${t(`invite.state.${each.state}`)} · ${t("add.of", { n: each.uses, m: each.uses_max })} · ${timeOfDay(each.expires)}</span></span>
    ${each.state === "open" ? html`<button class="button" @click=${() => { chosen = each.id; closeDialog(); }}>${t("show")}</button>` : nothing}</div>`)}</div>`,
});

// ---- Scan ----

let camera = null;
let cameraProblem = "";

function scanTab() {
  return html`<p class="lead">${t("add.scan.lead")}</p>
    ${camera ? html`<video class="camera" muted playsinline ${ref(watch)}></video>` : nothing}
    ${cameraProblem ? html`<p class="care-line" role="alert">${icon("camera", 18)}${cameraProblem}</p>` : nothing}
    <div class="buttons"><button class="button main" @click=${camera ? stopCamera : doing(startCamera)}>${icon("camera", 17)}${t(camera ? "add.camera.stop" : "add.camera")}</button>
      <label class="button">${icon("image", 17)}${t("add.picture")}<input class="unseen" type="file" accept="image/*" @change=${doing(fromPicture)}></label></div>`;
}

async function decoder() {
  if (!globalThis.jsQR) await import("../../vendor/jsqr/jsQR.js");
  return globalThis.jsQR;
}

async function startCamera() {
  const isHere = here();
  cameraProblem = "";
  let stream;
  try { stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }); } catch (refused) { cameraProblem = t("add.camera.no", { reason: refused.message }); return; }
  stopCamera();
  camera = stream;
  // Who went on while the browser asked is not filmed.
  if (!isHere()) stopCamera();
}

function stopCamera() {
  for (const track of camera?.getTracks() ?? []) track.stop();
  camera = null;
  change();
}

const canvas = document.createElement("canvas");

/** Return the text of the code in a picture, or nothing. */
async function read(source, width, height) {
  const decode = await decoder();
  const scale = Math.min(1, 1200 / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return decode(data, canvas.width, canvas.height)?.data;
}

// An element is told of before it stands in the page.
const watch = (video) => queueMicrotask(() => {
  if (!video?.isConnected || !camera || video.srcObject === camera) return;
  video.srcObject = camera;
  video.play().then(() => look(video)).catch(() => { /* it was switched off meanwhile */ });
});

async function look(video) {
  while (camera && video.isConnected) {
    if (video.readyState >= 2) {
      const text = await read(video, video.videoWidth, video.videoHeight);
      if (text && camera && video.isConnected) { stopCamera(); found(text); return; }
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  if (camera) stopCamera();
}

async function fromPicture(event) {
  const [file] = event.target?.files ?? [];
  if (!file) return;
  const isHere = here();
  const picture = await createImageBitmap(file);
  const text = await read(picture, picture.width, picture.height);
  picture.close();
  if (!isHere()) return;
  if (text) found(text);
  else { cameraProblem = t("add.noqr"); change(); }
}

const found = (text) => { typed = text; replace("#/people/add/paste"); inspect().catch((refused) => failed(refused)); };

// ---- Paste ----

let typed = "";
/** What is wrong with a link that is of no use. */
let useless = "";

/** The link among what was pasted, which may be a whole message. */
const linkIn = (text) => /\bmesh:[\w/-]+/i.exec(text)?.[0];

function pasteTab() {
  return html`<form class="stack" @submit=${doing(async (event) => { event.preventDefault(); await inspect(); })}>
    <div class="field"><label for="their-link">${t("add.link")}</label><textarea id="their-link" rows="4" dir="ltr" spellcheck="false" autocapitalize="off" .value=${typed} @input=${(event) => { typed = event.target.value; useless = ""; change(); }}></textarea>${useless ? html`<span class="hint bad" role="alert">${useless}</span>` : html`<span class="hint">${t("add.link.hint")}</span>`}</div>
    <div class="buttons"><button class="button main">${t("add.look")}</button></div></form>`;
}

/** Say what a link would do, before anything is done. */
async function inspect() {
  const isHere = here();
  useless = "";
  const groups = await fetchPart("group_links");
  const inspected = (link) => post("/v1/invites/inspect", { link });
  // Mail breaks a link over lines, which Mesh passes over; a message has words around it.
  let link = typed.trim();
  let contents = await inspected(link);
  const found = contents.is_usable ? null : linkIn(typed);
  if (found) {
    const other = await inspected(found);
    if (other.is_usable) [link, contents] = [found, other];
  }
  // Who went on meanwhile is asked nothing.
  if (!isHere()) return;
  if (groups.isGroupLink(link)) { groups.askJoin(link, contents, () => { typed = ""; }); return; }
  if (!contents.is_usable) { useless = contents.sentence; change(); return; }
  openForm({
    title: t("add.confirm", { name: contents.name || keyStart(contents.key) }), acts: t("add"),
    act: async (data) => {
      const contact = await post("/v1/contacts", { link, label: data.get("label") });
      typed = "";
      toast(t("add.done", { name: contact.label }));
      return () => go(`#/c/${contact.id}`);
    },
    view: () => html`<p>${rich(contents.name ? "add.contents" : "add.contents.key", { name: contents.name, key: keyStart(contents.key) })}</p>
      ${contents.addresses.length ? html`<p class="care-line">${icon("link", 18)}<span>${rich("add.hint", { address: contents.addresses.join(", ") })}</span></p>` : nothing}
      <div class="field"><label for="new-label">${t("add.name")}</label><input type="text" id="new-label" name="label" dir="auto" autofocus placeholder=${contents.name}></div>`,
  });
}

onArrival(({ section, parts }) => {
  if (camera && !(section === "people" && parts[1] === "scan")) stopCamera();
  if (section !== "people" || parts[0] !== "add" || state.phase !== "ready") return;
  if (parts[1] === "paste" && parts[2]) { typed = parts[2]; useless = ""; replace("#/people/add/paste"); }
  if (!parts[1] || parts[1] === "code") askInvites();
});
