// [01] First run: name, passphrase, where one can be found.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { get, patch, post } from "../api.js";
import { confirm, doing, failed } from "../dom.js";
import { icon } from "../icons.js";
import { replace } from "../router.js";
import { switchRow } from "../setting_rows.js";
import { change, state } from "../state.js";
import { enter } from "../sync.js";
import { span } from "../times.js";
import { t, told } from "../words.js";
import "../words_start.js";
import { alone } from "./alone.js";

const form = { step: 1, name: "", passphrase: "", again: "", locksAfter: 0, isFound: false, startsAtLogin: false, isWorking: false, problem: null };
const STEPS = 3;

/** Minutes without use; 0: never. */
const LOCKS_AFTER = [0, 5, 15, 60];

/** What few need, and only once, comes when it is asked for. */
let restoring = null;
async function openRestore() {
  restoring ??= await import("./restore.js");
  restoring.openRestore();
}

export function firstRun() {
  if (restoring?.isRestoring()) return alone(restoring.restoreView());
  const view = [nameStep, passphraseStep, foundStep][form.step - 1];
  return alone(html`<form class="card" @submit=${doing(next)}><div class="dots" aria-hidden="true">${Array.from({ length: STEPS }, (_, index) => html`<i class=${index < form.step ? "on" : ""}></i>`)}<span>${t("first.step", { n: form.step, m: STEPS })}</span></div>${view()}
    ${form.problem ? html`<p class="care-line" role="alert">${icon("circle-alert", 18)}${told(form.problem)}</p>` : nothing}</form>`);
}

// docs/platforms.md: to be taken out for a system once somebody ran it there.
const UNTRIED = { Win: "Windows", Mac: "macOS" };
const system = UNTRIED[navigator.platform.slice(0, 3)];

const nameStep = () => html`<div><h2 class="page-title">${t("first.title.name")}</h2><p class="lead">${t("first.name.line")}</p></div>
  ${system ? html`<p class="care-line">${icon("circle-alert", 18)}${t("first.untried", { system })}</p>` : nothing}
  <div class="field"><label for="first-name">${t("first.name")}</label><input id="first-name" name="name" dir="auto" autocomplete="off" required maxlength="64" autofocus .value=${form.name} @input=${(event) => { form.name = event.target.value; change(); }}></div>
  <div class="between"><button type="button" class="button plain big" @click=${doing(openRestore)}>${t("first.restore")}</button><button class="button main big" ?disabled=${!form.name.trim()}>${t("next")}</button></div>`;

const passphraseStep = () => html`<div><h2 class="page-title">${t("first.title.pass")}</h2><p class="lead">${t("first.pass")}</p></div>
  ${passphraseFields(form)}
  <div class="field"><label for="first-lock">${t("first.lock")}</label><select id="first-lock" @change=${(event) => { form.locksAfter = Number(event.target.value); }}>${LOCKS_AFTER.map((n) => html`<option value=${n} ?selected=${n === form.locksAfter}>${n ? t("first.lock.after", { n }) : t("first.lock.never")}</option>`)}</select></div>
  <div class="between"><button type="button" class="button plain big" @click=${() => { form.step = 1; change(); }}>${t("back")}</button><button type="button" class="button plain big" @click=${doing(without)}>${t("first.nopass")}</button><button class="button main big" ?disabled=${!form.passphrase || form.passphrase !== form.again}>${t("next")}</button></div>`;

const foundStep = () => html`<div><h2 class="page-title">${t("first.title.found")}</h2><p class="lead">${t("first.found")}</p></div>
  <div class="card">${switchRow({ id: "first-found", title: t("first.found.nearby"), line: t("first.found.nearby.line"), on: form.isFound, set: (on) => { form.isFound = on; } })}
    ${state.service ? switchRow({ id: "first-service", title: t("settings.service"), line: t("settings.service.line"), on: form.startsAtLogin, set: (on) => { form.startsAtLogin = on; } }) : nothing}</div>
  ${form.isWorking ? html`<div role="status"><progress aria-label=${t("first.work")}></progress><p class="small">${t("first.work")}</p></div>` : nothing}
  <div class="between"><button type="button" class="button plain big" ?disabled=${form.isWorking} @click=${() => { form.step = 2; change(); }}>${t("back")}</button><button class="button main big" ?disabled=${form.isWorking}>${t("first.start")}</button></div>`;

let strength = null;
let asked = 0;

/** How easily it is guessed, in words; never a block. */
function estimate(passphrase) {
  clearTimeout(asked);
  strength = null;
  if (!passphrase) return;
  asked = setTimeout(async () => {
    try { strength = await post("/v1/passphrase/estimate", { passphrase, known: form.name ? [form.name.slice(0, 64)] : [] }); } catch { strength = null; }
    change();
  }, 300);
}

const YEAR_S = 31_557_600;

/** The bar is full at so many guesses, as a power of ten; three quarters of it are no longer weak. */
const STRONGEST_LOG10 = 16;

/** What an estimate means: one graphics card needs so long to find it. */
function inWords({ is_weak, seconds }) {
  const time = seconds < YEAR_S ? span(seconds) : t("strength.years", { n: Math.min(Math.round(seconds / YEAR_S), 1_000_000) });
  return t(is_weak ? "strength.weak" : "strength.strong", { time });
}

/** Two fields for a new passphrase, with its strength. `into`: { passphrase, again }. */
export const passphraseFields = (into) => html`
  <div class="field"><label for="new-pass">${t("first.pass.label")}</label><input id="new-pass" type="password" autocomplete="new-password" .value=${into.passphrase} @input=${(event) => { into.passphrase = event.target.value; estimate(into.passphrase); change(); }}>
    ${strength && into.passphrase ? html`<progress class="strength" aria-hidden="true" max=${STRONGEST_LOG10} value=${strength.guesses_log10}></progress><span class="hint" role="status">${inWords(strength)}</span>` : nothing}</div>
  <div class="field"><label for="new-pass-again">${t("first.pass.again")}</label><input id="new-pass-again" type="password" autocomplete="new-password" .value=${into.again} @input=${(event) => { into.again = event.target.value; change(); }}>
    ${into.again && into.again !== into.passphrase ? html`<span class="hint care" role="status">${t("first.pass.differ")}</span>` : nothing}</div>`;

async function without() {
  if (!(await confirm({ title: t("first.nopass.title"), body: html`<p>${t("first.nopass.text")}</p>`, yes: t("first.nopass"), danger: false }))) return;
  Object.assign(form, { passphrase: "", again: "", step: 3 });
  change();
}

/** What was chosen beside the keys. What of it fails is told, and holds up nothing: it stands in the settings as well. */
const keepChoices = () => Promise.all([
  form.passphrase && form.locksAfter && patch("/v1/settings", { values: { auto_lock_minutes: form.locksAfter } }),
  form.isFound && post("/v1/nearby", { is_on: true }),
  state.service && state.service.is_installed !== form.startsAtLogin && patch("/v1/service", { is_installed: form.startsAtLogin }).then((service) => { state.service = service; }),
].map((work) => work && work.catch(failed)));

async function next(event) {
  event.preventDefault();
  form.problem = null;
  if (form.step === 1) get("/v1/service").then((service) => { state.service = service; form.startsAtLogin = service.is_installed; change(); }, () => { /* the switch stands in the settings as well */ });
  if (form.step < STEPS) { form.step += 1; change(() => document.querySelector(".alone input, .alone .switch")?.focus()); return; }
  form.isWorking = true;
  change();
  try {
    // What was made stays made: another try goes on from there.
    await post("/v1/identity", { name: form.name.trim(), passphrase: form.passphrase }, { seconds: 300 }).catch((problem) => { if (problem.type !== "exists") throw problem; });
    await keepChoices();
    Object.assign(form, { passphrase: "", again: "" });
    replace("#/chats");
    await enter();
  } catch (problem) { form.problem = problem; } finally { form.isWorking = false; change(); }
}
