// [02] A locked profile, and the pages of a node that nobody uses from here.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { post } from "../api.js";
import { doing, openDialog } from "../dom.js";
import { icon } from "../icons.js";
import { change, state } from "../state.js";
import { enter } from "../sync.js";
import { nowSeconds, timeOfDay } from "../times.js";
import { t, told } from "../words.js";
import "../words_start.js";
import { silentBanner } from "./banners.js";
import { alone } from "./alone.js";
import { focusComposer } from "./composer.js";
import { openOtherProfiles } from "./profiles.js";
import { openWipe, stays } from "./wipe.js";

const AGAIN_MS = 200;
const AGAIN_MAX = 50;

let passphrase = "";
let problem = null;
let waitUntil = 0;
/** Since which lock it is being opened: one that follows while all is still loaded is another. */
let opening = null;
const isBusy = () => opening === state.locks;

/** Whether the seconds until the next try are counted down. */
export const isWaiting = () => waitUntil > nowSeconds();

export function unlockPage() {
  const wait = Math.max(0, waitUntil - nowSeconds());
  const since = state.status?.locked_since;
  return alone(html`${state.silentSince ? silentBanner() : nothing}<form class="card" @submit=${doing(unlock)}>
    <div class="locked-head"><span class="disc">${icon("lock", 26)}</span><div><h2 class="page-title">${t("lock.title")}</h2>${since ? html`<p class="small">${t("lock.since", { t: timeOfDay(since) })}</p>` : nothing}
      ${state.status?.profile ? html`<p class="small">${t("lock.profile", { name: state.status.profile })}</p>` : nothing}</div></div>
    <div class="field"><label for="unlock-pass">${t("lock.pass")}</label><input id="unlock-pass" type="password" autocomplete="current-password" autofocus .value=${passphrase} @input=${(event) => { passphrase = event.target.value; change(); }}>
      ${problem ? html`<span class="hint bad" role="alert">${told(problem)}</span>` : nothing}</div>
    <button class="button main big wide" ?disabled=${isBusy() || wait > 0 || !passphrase}>${isBusy() ? t("lock.busy") : wait ? t("lock.in", { n: wait }) : t("lock.open")}</button></form>
    <p class="small">${t("lock.foot")}</p>`,
  html`<button class="button plain" @click=${doing(openOtherProfiles)}>${t("lock.others")}</button><button class="button plain" @click=${() => openDialog({ title: t("lock.help"), body: html`<p>${t("lock.forgot")}</p>`, safe: t("close") })}>${t("lock.help")}</button><button class="button plain danger" @click=${openWipe}>${t("lock.wipe")}</button>`);
}

async function unlock(event) {
  event.preventDefault();
  const { locks } = state;
  const over = () => { if (opening === locks) opening = null; change(); };
  opening = locks;
  problem = null;
  change();
  try {
    await open();
    passphrase = "";
    waitUntil = 0;
    // Not waited for: it may be locked again, and opened again, before all is loaded.
    enter().then(() => { if (state.phase === "ready") change(goOn); }).finally(over);
  } catch (refused) {
    problem = refused;
    const wait = Number(refused.fields?.wait_seconds ?? 0);
    waitUntil = wait ? nowSeconds() + wait : 0;
    over();
  }
}

/** The focus goes to where one writes, else to the list. */
function goOn() {
  if (document.activeElement !== document.body) return;
  if (state.conversations.has(state.route.conversation) && matchMedia("(hover: hover)").matches) focusComposer();
  else [...document.querySelectorAll(".list, .middle")].find((part) => part.offsetParent)?.focus();
}

/** Whoever is quicker than a daemon that was just locked, and begins anew, need not ask twice. */
async function open() {
  for (let left = AGAIN_MAX; ; left -= 1) {
    try { return await post("/v1/unlock", { passphrase }, { seconds: 120 }); } catch (refused) {
      if (!left || !["stopping", "silent"].includes(refused.type)) throw refused;
    }
    await new Promise((then) => setTimeout(then, AGAIN_MS));
  }
}

// The address of `mesh open` in a page that is here changes only what is behind the #. Whoever is signed in follows no code of a link.
addEventListener("hashchange", () => { if (state.phase === "signed-out" && /^#code=/.test(location.hash)) location.reload(); });

export const signedOutPage = () => alone(html`<div class="card"><h2 class="page-title">${t("session.title")}</h2><p class="lead">${t("session.text")}</p><div class="link-well"><code>${t("session.command")}</code></div></div>`);
export const relayPage = () => alone(html`<div class="card"><h2 class="page-title">${t("empty.title")}</h2><p class="lead">${t("relay.text")}</p></div>`);
export const wipeUnknownPage = () => alone(html`<div class="card"><h2 class="page-title">${t("wipe.unknown")}</h2><p class="lead">${t("wipe.unknown.text")}</p><div class="buttons"><button class="button main" @click=${() => { state.phase = "starting"; enter(); }}>${t("wipe.look")}</button></div></div>`);
export const wipedPage = () => alone(html`<div class="card"><h2 class="page-title">${t("wipe.done")}</h2><p class="lead">${t("wipe.done.text")}</p>${stays ? html`<p class="care-line" role="alert">${told(stays)}</p>` : nothing}</div>`);
