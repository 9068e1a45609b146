// [01] Restore a backup: a file, its passphrase, and one for this computer. Nothing is there before all of it is.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { get } from "../api.js";
import { confirm } from "../dom.js";
import { icon } from "../icons.js";
import { replace } from "../router.js";
import { change, state } from "../state.js";
import { enter, stopFollowing } from "../sync.js";
import { timeOfDay } from "../times.js";
import { upload } from "../transfers.js";
import { has, rich, t, told } from "../words.js";
import "../words_more.js";
import { passphraseFields } from "./first_run.js";

const form = { isOpen: false, file: null, backup: "", passphrase: "", again: "", sent: 0, sending: null, problem: null, restored: null };

export const isRestoring = () => form.isOpen;
export const openRestore = () => { form.isOpen = true; change(() => document.querySelector("#restore-file")?.focus()); };

function back() {
  form.sending?.abort();
  Object.assign(form, { isOpen: false, file: null, backup: "", passphrase: "", again: "", problem: null });
  change(() => document.querySelector("#first-name")?.focus());
}

export const restoreView = () => (form.restored ? doneCard(form.restored) : html`<form class="card" @submit=${put}>
  <div><h2 class="page-title">${t("restore.title")}</h2><p class="lead">${t("restore.lead")}</p></div>
  <div class="field"><label for="restore-file">${t("restore.file")}</label><input id="restore-file" type="file" required ?disabled=${form.sending} @change=${(event) => { form.file = event.target.files[0] ?? null; form.problem = null; change(); }}></div>
  <div class="field"><label for="restore-pass">${t("backup.pass")}</label><input id="restore-pass" type="password" autocomplete="off" required ?disabled=${form.sending} .value=${form.backup} @input=${(event) => { form.backup = event.target.value; change(); }}></div>
  <h3>${t("restore.new")}</h3>
  ${passphraseFields(form)}
  ${form.sending ? html`<div role="status"><progress aria-label=${t("restore.working")} max="1" value=${form.sent}></progress><p class="small">${form.sent < 1 ? t("restore.reading", { n: Math.floor(form.sent * 100) }) : t("restore.working")}</p></div>` : nothing}
  ${form.problem ? html`<p class="care-line" role="alert">${icon("circle-alert", 18)}<span>${inWords(form.problem)}</span></p>` : nothing}
  <div class="between"><button type="button" class="button plain big" @click=${back}>${t(form.sending ? "cancel" : "back")}</button>
    <button class="button main big" ?disabled=${form.sending || !form.file || !form.backup || form.passphrase !== form.again}>${t("restore.put")}</button></div></form>`);

/** What is wrong, and what to do next. */
function inWords(problem) {
  const key = `restore.${problem.type}${problem.fields?.reason ? `.${problem.fields.reason}` : ""}`;
  return has(key) ? t(key) : told(problem);
}

async function put(event) {
  event.preventDefault();
  form.problem = null;
  if (!form.passphrase && !(await confirm({ title: t("first.nopass.title"), body: html`<p>${t("first.nopass.text")}</p>`, yes: t("first.nopass"), danger: false }))) return;
  const words = JSON.stringify({ backup_passphrase: form.backup, passphrase: form.passphrase });
  const sending = new AbortController();
  Object.assign(form, { sending, sent: 0 });
  change();
  // The node begins anew after it: until then nothing that it says is shown.
  stopFollowing();
  try {
    const body = new Blob([words, "\n", form.file]);
    const restored = await upload("/v1/restore", body, { signal: sending.signal, progress: (part) => { form.sent = part; change(); } });
    await untilOpen();
    Object.assign(form, { restored, backup: "", passphrase: "", again: "" });
  } catch (problem) {
    if (problem.type !== "cancelled") form.problem = problem;
    await enter();
  } finally { form.sending = null; change(() => document.querySelector(".alone .main")?.focus()); }
}

async function untilOpen() {
  for (let tries = 0; tries < 240; tries += 1) {
    const status = await get("/v1/status").catch(() => null);
    if (status && (status.vault === "open" || (status.vault === "locked" && tries > 40))) { state.silentSince = 0; return; }
    await new Promise((then) => setTimeout(then, 250));
  }
}

const doneCard = (restored) => html`<div class="card">
  <div><h2 class="page-title">${t("first.welcome", { name: restored.name })}</h2><p class="lead">${t("restore.made", { t: timeOfDay(restored.made) })}</p></div>
  <ul class="stack"><li>${t("restore.contacts", { n: restored.contacts_count })}, ${t("room.messages", { n: restored.messages_count })}</li>
    ${restored.undelivered_count ? html`<li>${t("restore.undelivered", { n: restored.undelivered_count })}</li>` : nothing}
    <li>${t("restore.keys")}</li>${restored.hints.length ? html`<li>${t("restore.settings")}</li>` : nothing}</ul>
  <p class="care-line" role="alert">${icon("triangle-alert", 18)}<span>${rich("restore.former")}</span></p>
  <button class="button main big wide" @click=${async () => { Object.assign(form, { isOpen: false, restored: null, file: null }); replace("#/chats"); await enter(); }}>${t("restore.go")}</button></div>`;
