// [22] Wipe: three facts, the profile's name, five seconds with one big way back.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { post, signOff } from "../api.js";
import { closeDialog, failed, openDialog } from "../dom.js";
import { icon } from "../icons.js";
import { change, forget, state } from "../state.js";
import { stopFollowing } from "../sync.js";
import { rich, t } from "../words.js";
import "../words_start.js";

const SECONDS = 5;
let typed = "";
let left = 0;
let timer = 0;
/** The problem of a wipe that could not overwrite everything. */
export let stays = null;

const profile = () => state.status?.profile ?? "default";

export function openWipe() {
  typed = "";
  stop();
  openDialog({ title: t("wipe.title", { name: profile() }), modal: true, body: view, closed: stop });
}

function stop() {
  clearInterval(timer);
  left = 0;
}

const view = () => html`<ul class="facts"><li><span class="mark danger">${icon("trash-2", 17)}</span><span>${rich("wipe.goes", { n: state.status?.contacts_count ?? state.contacts.size })}</span></li>
    <li>${icon("users-round", 17)}<span>${rich("wipe.stays")}</span></li><li>${icon("hard-drive", 17)}<span>${rich(state.status?.has_passphrase === false ? "wipe.flash.open" : "wipe.flash")}</span></li></ul>
  ${left ? html`<p class="unseen" role="alert">${t("wipe.count", { n: SECONDS })}</p><p class="care-line" aria-hidden="true"><strong>${t("wipe.count", { n: left })}</strong></p><progress class="danger" max=${SECONDS} value=${SECONDS - left} aria-hidden="true"></progress>`
    : html`<div class="field"><label for="wipe-name">${t("wipe.type")}</label><input id="wipe-name" autocomplete="off" .value=${typed} @input=${(event) => { typed = event.target.value; change(); }}></div>`}
  ${state.silentSince ? html`<p class="care-line" role="status">${t("wipe.silent")}</p>` : nothing}
  <div class="buttons end"><button class="button main big" autofocus @click=${closeDialog}>${t(left ? "wipe.stop" : "cancel")}</button>
    ${left ? nothing : html`<button class="button danger big" ?disabled=${state.silentSince > 0 || typed.trim() !== profile()} @click=${count}>${t("wipe.begin")}</button>`}</div>`;

function count() {
  left = SECONDS;
  const { dialog } = state;
  timer = setInterval(() => {
    left -= 1;
    // What stands above it hides the way back.
    if (state.silentSince || state.dialog !== dialog) stop();
    else if (left <= 0) { stop(); wipe(); }
    change();
  }, 1000);
  change();
}

async function wipe() {
  state.dialog = null;
  let isKnown = true;
  try {
    await post("/v1/wipe", { profile: profile() }, { seconds: 120, clears: true });
  } catch (problem) {
    // It may be gone before its answer came, or have done nothing of it.
    isKnown = !["silent", "timeout", "internal"].includes(problem.type);
    if (problem.type === "copy-stays") stays = problem;
    else if (isKnown) { failed(problem); return; }
  }
  stopFollowing();
  if (isKnown) signOff();
  forget();
  state.phase = isKnown ? "wiped" : "wipe-unknown";
  change();
}
