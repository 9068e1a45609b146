// [21] Giving Mesh away: a door on the local network that is open while its person wants it.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ask, get, post, remove } from "../api.js";
import { copyText, doing } from "../dom.js";
import { icon } from "../icons.js";
import { change, state } from "../state.js";
import { bytes, timeOfDay } from "../times.js";
import { t } from "../words.js";
import { qr } from "./add.js";

const codes = new Map();
let isOpening = false;

/** A bundle may have to be packed first, which takes half a minute and more on a slow laptop. */
const OPENS_WITHIN_SECONDS = 300;

export async function loadShare() {
  state.share = await get("/v1/share");
}

async function open() {
  isOpening = true;
  change();
  try {
    state.share = await ask("POST", "/v1/share", { body: {}, seconds: OPENS_WITHIN_SECONDS });
  } finally { isOpening = false; change(); }
}

async function close() {
  state.share = await remove("/v1/share");
}

function codeOf(address) {
  if (!codes.has(address)) {
    codes.set(address, null);
    post("/v1/qr", { text: address }).then((answer) => { codes.set(address, answer.rows); change(); }, () => codes.delete(address));
  }
  return codes.get(address);
}

/** A hash in groups of eight, as it is read aloud. */
const grouped = (sha256) => sha256.match(/.{8}/g).join(" ");

export function shareView() {
  const share = state.share;
  if (!share) return nothing;
  return html`<p>${t("share.lead")}</p><p class="care-line">${icon("radio", 18)}${t("share.told")}</p>
    <div class="card"><div class="setting"><span class="grow"><span class="title">${t(share.is_open ? "share.open" : "share.closed")}</span>
      <span class="line">${isOpening ? t("share.opening") : share.is_open ? `${t("share.until", { t: timeOfDay(share.until) })} · ${t("share.taken", { n: share.given_count })}` : share.has_failed ? t("share.failed") : ""}</span></span>
      ${share.is_open ? html`<button class="button" @click=${doing(loadShare)}>${t("share.look")}</button><button class="button danger" @click=${doing(close)}>${t("share.close")}</button>`
        : html`<button class="button main" ?disabled=${isOpening} @click=${doing(open)}>${t("share.do")}</button>`}</div></div>
    ${share.is_open ? opened(share) : nothing}`;
}

function opened(share) {
  const [address] = share.addresses;
  return html`<div class="two"><div class="qr">${qr(codeOf(address), t("share.code"))}</div><div class="stack"><p>${t("share.how")}</p>
      ${share.addresses.map((each) => html`<div class="link-well"><code>${each}</code><button class="button" aria-label=${t("share.copy", { address: each })} @click=${doing(() => copyText(each))}>${icon("copy", 17)}${t("copy")}</button></div>`)}</div></div>
    <h3 class="group-title">${t("share.files")}</h3><p class="small">${t("share.compare")}</p>
    <div class="card">${share.files.map((each) => html`<div class="setting"><span class="grow"><span class="title"><bdi>${each.file}</bdi> · ${bytes(each.bytes)}</span>
      <span class="line mono">${grouped(each.sha256)}</span><span class="line">${each.told}</span></span></div>`)}</div>`;
}
