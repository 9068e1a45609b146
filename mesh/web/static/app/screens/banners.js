// What stands above all else: that the node does not answer, and what it says of itself.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { icon } from "../icons.js";
import { change, state } from "../state.js";
import { retryNow } from "../sync.js";
import { oneLine } from "../text.js";
import { nowSeconds, time } from "../times.js";
import { rich, t } from "../words.js";

/** What the node has to say of itself, until somebody put it away. */
export const noticeBanner = () => (state.notices.length ? html`<div class="banner care told" role="status">${icon("info", 20)}<p dir="auto">${oneLine(state.notices[0], 600)}</p>
  <button class="button" @click=${() => { state.notices = state.notices.slice(1); change(); }}>${t("banner.seen")}</button></div>` : nothing);

/** What stands above a section. */
export const topBanner = () => (state.silentSince ? silentBanner() : noticeBanner());

// What counts down is not read out each second.
export const silentBanner = () => html`<div class="banner danger">${icon("circle-alert", 20)}
  <p><span role="alert">${rich("banner.silent", { t: time(state.silentSince) })}</span> <span aria-hidden="true">${t("banner.silent.next", { n: Math.max(0, state.retryAt - nowSeconds()) })}</span></p><button class="button" @click=${retryNow}>${t("banner.silent.now")}</button></div>`;
