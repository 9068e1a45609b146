// [21] Settings: what others learn, how the page looks, and what the node does.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ask, get, patch, post, remove } from "../api.js";
import { confirm, copyText, doing, failure, openDialog, toast } from "../dom.js";
import { icon } from "../icons.js";
import { keyStart } from "../marks.js";
import { prefer } from "../preferences.js";
import { onArrival, replace } from "../router.js";
import { bytesOf, choiceRow, exactBytes, switchRow, valueRow } from "../setting_rows.js";
import { change, onForget, state } from "../state.js";
import { enter, signedOut } from "../sync.js";
import { bytes, timeOfDay } from "../times.js";
import { has, t } from "../words.js";
import "../words_more.js";
import { openForm } from "./create.js";
import { passphraseFields } from "./first_run.js";
import { lockNow } from "./frame.js";
import { partHeader } from "./header.js";
import { saveAnswer } from "./network.js";
import { otherProfiles } from "./profiles.js";
import { loadRoom, roomView } from "./room.js";
import { loadShare, shareView } from "./share.js";
import { textRow } from "./text_row.js";
import { openWipe } from "./wipe.js";

const PAGES = [["you", "circle-user-round"], ["privacy", "eye-off"], ["notifications", "bell"], ["appearance", "palette"], ["node", "package"], ["storage", "hard-drive"], ["lock", "key-round"], ["tokens", "terminal"], ["backup", "save"], ["share", "qr-code"], ["about", "info"]];
let problem = null;

const lines = () => ({
  you: state.identity?.name ?? "",
  appearance: t(`theme.${state.preferences.theme}`),
  node: state.status ? bytes(state.status.stored_bytes_max) : "",
  about: state.status?.version ?? "",
});

export function list() {
  const current = state.route.parts[0];
  const told = lines();
  return html`<header class="header"><h2>${t("settings.title")}</h2></header><div class="scroll" data-rows=".row">${PAGES.map(([name, glyph]) => html`
    <a class="row short" href=${`#/settings/${name}`} aria-current=${current === name ? "page" : nothing}><span class="glyph">${icon(glyph, 21)}</span><span class="text"><span class="title">${t(`settings.${name}`)}</span>${told[name] ? html`<span class="preview"><bdi>${told[name]}</bdi></span>` : nothing}</span>${icon("chevron-right", 18)}</a>`)}</div>`;
}

export function page() {
  const name = PAGES.some(([known]) => known === state.route.parts[0]) ? state.route.parts[0] : "you";
  return html`${partHeader({ title: t(`settings.${name}`), back: "#/settings" })}<div class="scroll"><div class="page-body">${problem ? failure(problem, () => load(name)) : views[name]()}</div></div>`;
}

async function load(page) {
  problem = null;
  try {
    if (page === "node" || page === "privacy" || page === "lock" || page === "backup" || page === "notifications") state.settings = (await get("/v1/settings")).settings;
    if (page === "storage") await loadRoom();
    if (page === "share") await loadShare();
    if (page === "tokens") state.tokens = await get("/v1/tokens");
    if (page === "backup") state.backup = await get("/v1/backup");
    if (page === "privacy") state.nearby = await get("/v1/nearby");
    if (page === "you") state.profiles = (await get("/v1/profiles")).profiles;
    if (page === "node") state.service = await get("/v1/service");
  } catch (refused) { if (refused.type !== "no-route") problem = refused; }
  change();
}

const views = {
  you: () => html`<div class="card">
      ${state.identity ? html`${textRow({ id: "own-name", title: t("settings.name"), line: t("settings.name.line"), value: state.identity.name, set: async (name) => { state.identity = await patch("/v1/identity", { name }); } })}
      ${valueRow(t("settings.key"), html`<span class="mono">${keyStart(state.identity.key)}</span>`)}` : nothing}
      ${valueRow(t("settings.profile"), state.status?.profile ?? "", t("profiles.line"))}</div>
    ${otherProfiles(state.profiles)}
    <p class="small">${t("profiles.new")}</p>`,

  privacy: () => html`<h3 class="group-title">${t("settings.learn")}</h3><div class="card">
      ${switchRow({ id: "find-me", title: t("nearby.switch"), line: t("first.found.nearby.line"), on: state.nearby?.is_on ?? false, set: async (on) => { state.nearby = await post("/v1/nearby", { is_on: on }); } })}</div>
    <h3 class="group-title">${t("settings.screen")}</h3><div class="card">
      ${switchRow({ id: "notify-text", title: t("settings.notify.text"), line: t("settings.notify.text.line"), on: state.preferences.notifyText, set: (on) => prefer("notifyText", on) })}
      ${valueRow(t("settings.previews"), "", t("settings.previews.line"))}
      <a class="setting" href="#/people"><span class="grow"><span class="title">${t("people.blocked")}</span><span class="line">${t("settings.blocked.line")}</span></span><span class="value">${[...state.contacts.values()].filter((each) => each.is_blocked).length}</span></a></div>
    <h3 class="group-title">${t("settings.gone")}</h3><div class="card">
      <div class="setting"><span class="grow"><span class="title">${t("settings.lock.now")}</span><span class="line">${t("settings.lock.keys")}</span></span><button class="button" @click=${doing(lockNow)}>${icon("lock", 17)}${t("nav.lock")}</button></div>
      <div class="setting"><span class="grow"><span class="title">${t("settings.wipe")}</span><span class="line">${t("settings.wipe.line")}</span></span><button class="button danger" @click=${openWipe}>${t("settings.wipe.open")}</button></div></div>`,

  notifications: () => html`<div class="card">
      ${switchRow({ id: "notify", title: t("settings.notify"), line: t("settings.notify.line"), on: state.preferences.notify, set: askToNotify })}
      ${switchRow({ id: "notify-text-2", title: t("settings.notify.text"), line: t("settings.notify.text.line"), on: state.preferences.notifyText, set: (on) => prefer("notifyText", on) })}</div>
    <div class="card">${setting("desktop_notifications", t("settings.notify.desktop.line"))}</div>
    ${"Notification" in window && Notification.permission === "denied" ? html`<p class="care-line">${icon("bell-off", 18)}${t("settings.notify.denied")}</p>` : nothing}`,

  appearance: () => html`<div class="card">
      ${choiceRow({ id: "theme", title: t("settings.theme"), value: state.preferences.theme, options: ["system", "light", "dark"].map((name) => [name, t(`theme.${name}`)]), set: (value) => prefer("theme", value) })}
      ${choiceRow({ id: "text-size", title: t("settings.text"), value: state.preferences.text, options: ["normal", "large", "larger"].map((name) => [name, t(`text.${name}`)]), set: (value) => prefer("text", value) })}
      ${choiceRow({ id: "density", title: t("settings.density"), value: state.preferences.density, options: ["normal", "compact"].map((name) => [name, t(`density.${name}`)]), set: (value) => prefer("density", value) })}
      ${switchRow({ id: "enter-sends", title: t("settings.enter"), line: t("settings.enter.line"), on: state.preferences.enterSends, set: (on) => prefer("enterSends", on) })}
      ${switchRow({ id: "letters", title: t("settings.letters"), line: t("settings.letters.line"), on: state.preferences.letters, set: (on) => prefer("letters", on) })}</div>`,

  node: () => html`${state.service ? html`<div class="card">${switchRow({ id: "service", title: t("settings.service"), line: t("settings.service.line"), on: state.service.is_installed, set: async (on) => { state.service = await patch("/v1/service", { is_installed: on }); } })}</div>` : nothing}
    <div class="card">${COMMON.map((name) => setting(name))}</div>
    <details><summary class="group-title">${t("settings.more")}</summary><div class="card">${(state.settings ?? []).filter(({ name }) => !ELSEWHERE.has(name) && !COMMON.includes(name)).map((each) => setting(each.name))}</div></details>`,

  storage: roomView,

  share: shareView,

  lock: () => html`${state.status?.has_passphrase === false ? html`<p class="care-line">${icon("key-round", 18)}${t("settings.pass.none")}</p>` : nothing}
    <div class="card">${setting("auto_lock_minutes", t("set.auto_lock_minutes.line"))}</div>
    ${changePassphrase()}`,

  tokens: () => html`<h3 class="group-title">${t("token.programs")}</h3><div class="card">
      ${(state.tokens?.tokens ?? []).map((each) => html`<div class="setting"><span class="grow"><span class="title"><bdi>${each.name}</bdi></span><span class="line">${t(`token.scope.${each.scope}`)} · ${each.used ? t("token.used", { t: timeOfDay(each.used) }) : t("token.unused")}</span></span><button class="button danger" @click=${doing(async () => { await remove(`/v1/tokens/${each.number}`); await load("tokens"); })}>${t("token.revoke")}</button></div>`)}
      <div class="setting"><span class="grow">${state.tokens?.tokens.length ? t("token.new") : t("token.none")}</span><button class="button" @click=${newToken}>${icon("plus", 17)}${t("token.new")}</button></div></div>
    <h3 class="group-title">${t("token.pages")}</h3><div class="card">
      ${(state.tokens?.sessions ?? []).map((each) => html`<div class="setting"><span class="grow"><span class="title">${t(each.is_this ? "token.this" : "token.session")}</span><span class="line">${t("token.used", { t: timeOfDay(each.used) })}</span></span></div>`)}
      <div class="setting"><span class="grow"><span class="title">${t("settings.signout")}</span><span class="line">${t("settings.signout.line")}</span></span><button class="button" @click=${doing(() => signOutHere(false))}>${icon("log-out", 17)}${t("settings.signout")}</button></div>
      <div class="setting"><span class="grow"><span class="title">${t("settings.signout.all")}</span></span><button class="button" @click=${doing(() => signOutHere(true))}>${t("settings.signout.all")}</button></div></div>`,

  backup: () => html`<div class="card">${valueRow(t("backup.auto"), state.backup?.copied ? timeOfDay(state.backup.copied) : t("backup.never"), state.backup?.has_passphrase === false ? t("backup.unset") : "")}${setting("weekly_copy")}
      ${state.backup?.has_passphrase === false ? nothing : html`<form class="setting" @submit=${doing(makeBackup)}><span class="grow"><label class="title" for="backup-pass">${t("backup.now")}</label><span class="line">${t("backup.now.line")}</span></span>
        <input type="text" class="unseen" autocomplete="username" tabindex="-1" aria-hidden="true"><input id="backup-pass" name="passphrase" type="password" autocomplete="off" placeholder=${t("backup.pass")} required><button class="button" ?disabled=${!state.backup}>${icon("download", 17)}${t("backup.make")}</button></form>`}</div>
    ${state.backup?.has_passphrase === false ? html`<form class="card stack padded" @submit=${doing(firstBackup)}><h3 class="label">${t("backup.now")}</h3><p class="small">${t("backup.now.line")}</p><p class="care-line">${icon("key-round", 18)}${t("backup.first")}</p>
      ${passphraseFields(sealing)}<button class="button main" ?disabled=${!sealing.passphrase || sealing.passphrase !== sealing.again}>${icon("download", 17)}${t("backup.make")}</button></form>` : nothing}`,

  about: () => html`<div class="card">${valueRow(t("settings.version"), state.status?.version ?? "")}
      <div class="setting"><span class="grow">${t("settings.never")}</span></div><div class="setting"><span class="grow">${t("settings.licence")}</span></div>
      <div class="setting"><span class="grow"><span class="title">${t("settings.stop")}</span><span class="line">${t("settings.stop.line")}</span></span><button class="button danger" @click=${doing(async () => { if (await confirm({ title: t("settings.stop"), body: html`<p>${t("settings.stop.line")}</p>`, yes: t("settings.stop") })) await post("/v1/stop"); })}>${t("settings.stop")}</button></div></div>`,
};

/** Settings that have their place on another page. */
const ELSEWHERE = new Set(["auto_lock_minutes", "weekly_copy", "desktop_notifications"]);

/** What people look for; the rest stands under "More". */
const COMMON = ["stored_bytes_max", "carried_days", "metered_interfaces", "battery_low_percent", "cover", "discovery"];

/** A number of bytes as a person writes it. */
function sizeOf(text) {
  const size = bytesOf(text);
  if (Number.isNaN(size)) throw { type: "bad-size" };
  return String(size);
}

/** One setting of the node, as the API tells it; `meaning` where the page has words of its own. */
function setting(name, meaning = "") {
  const each = state.settings?.find((other) => other.name === name);
  if (!each) return nothing;
  const set = async (value) => {
    const changed = (await patch("/v1/settings", { values: { [name]: value } })).settings;
    state.settings = state.settings.map((other) => changed.find((one) => one.name === other.name) ?? other);
    change();
  };
  const isSize = name.endsWith("_bytes_max");
  const title = has(`set.${name}`) ? t(`set.${name}`) : name.replaceAll("_", " ");
  const line = [meaning || each.meaning, each.source === "environment" ? t("settings.from.environment") : "", each.takes_effect === "at the next start" ? t("settings.takes.start") : ""].filter(Boolean).join(" · ");
  if (each.choices.length) return choiceRow({ id: `set-${name}`, title, line, value: each.value, options: each.choices.map((choice) => [choice, choice]), set: (value) => doing(() => set(value))({}) });
  if (typeof (each.value ?? each.default) === "boolean") return switchRow({ id: `set-${name}`, title, line, on: each.value, set });
  return textRow({ id: `set-${name}`, title, line, value: isSize && each.value ? exactBytes(each.value) : String(each.value ?? ""), isFixed: each.source === "environment", set: (raw) => set(raw === "" ? null : isSize ? sizeOf(raw) : raw) });
}

async function signOutHere(everywhere) {
  await remove("/v1/session", { everywhere }, { clears: true });
  signedOut();
}

async function askToNotify(on) {
  if (on && (await Notification.requestPermission()) !== "granted") { prefer("notify", false); return; }
  prefer("notify", on);
}

const form = { old: "", passphrase: "", again: "" };
const sealing = { passphrase: "", again: "" };
onForget(() => { Object.assign(form, { old: "", passphrase: "", again: "" }); Object.assign(sealing, { passphrase: "", again: "" }); });

function changePassphrase() {
  const isSet = state.status?.has_passphrase !== false;
  return html`<form class="card stack padded" @submit=${doing(async (event) => {
    event.preventDefault();
    await post("/v1/passphrase", { passphrase: form.old, new_passphrase: form.passphrase });
    Object.assign(form, { old: "", passphrase: "", again: "" });
    toast(t("settings.pass.changed"));
    await enter();
  })}><h3 class="label">${t(isSet ? "settings.pass.change" : "settings.pass.set")}</h3>
    ${isSet ? html`<div class="field"><label for="pass-old">${t("settings.pass.old")}</label><input id="pass-old" type="password" autocomplete="current-password" .value=${form.old} @input=${(event) => { form.old = event.target.value; }}></div>` : nothing}
    ${passphraseFields(form)}<button class="button main" ?disabled=${!form.passphrase || form.passphrase !== form.again}>${t(isSet ? "settings.pass.change" : "settings.pass.set")}</button></form>`;
}

function newToken() {
  let scope = "read";
  openForm({
    title: t("token.new"), acts: t("token.make"),
    view: () => html`<div class="field"><label for="token-name">${t("token.name")}</label><input type="text" id="token-name" name="name" autofocus></div>
      <div class="card">${choiceRow({ id: "token-scope", title: t("token.scope"), value: scope, options: ["metrics", "read", "send", "admin"].map((one) => [one, t(`token.scope.${one}`)]), set: (value) => { scope = value; } })}</div>`,
    act: async (data) => {
      const { token } = await post("/v1/tokens", { name: data.get("name"), scope });
      load("tokens");
      // It is told this once: it is shown also to who closed the form or went on.
      change(() => openDialog({ under: state.dialog, title: t("token.new"), safe: t("close"), body: html`<p>${t("token.once")}</p><div class="link-well"><code>${token}</code><button class="button" @click=${doing(() => copyText(token))}>${icon("copy", 17)}${t("copy")}</button></div>` }));
    },
  });
}

const saveBackup = async (passphrase) => {
  await saveAnswer(await ask("POST", "/v1/backup", { body: { passphrase }, raw: true, seconds: 3600 }), "mesh-backup.mesh");
  toast(t("backup.done"));
};

async function makeBackup({ target }) {
  await saveBackup(new FormData(target).get("passphrase"));
  target.reset();
}

/** The first one sets the passphrase of all: it is written twice. */
async function firstBackup() {
  const { passphrase, again } = sealing;
  if (!passphrase || passphrase !== again) return;
  await saveBackup(passphrase);
  Object.assign(sealing, { passphrase: "", again: "" });
  await load("backup");
}

onArrival(({ section, parts }) => {
  if (section !== "settings" || state.phase !== "ready") return;
  if (!parts[0] && !matchMedia("(max-width: 56.19em)").matches) { replace("#/settings/you"); return; }
  load(parts[0]);
});
