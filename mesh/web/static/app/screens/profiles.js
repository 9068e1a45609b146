// The other profiles of this computer: each has a node and a page of its own.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { get } from "../api.js";
import { copyText, doing, here, openDialog } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../words.js";
import "../words_start.js";

/** Which command shows another profile's page; a page leads to none itself, since each has a token of its own. */
const opens = ({ name, is_running }) => `mesh ${is_running ? "open" : "up --open"} --profile ${name}`;

/** All but the one whose page this is; nothing where there is no other. */
export function otherProfiles(profiles) {
  const others = (profiles ?? []).filter((each) => !each.is_this);
  return others.length ? html`<h3 class="group-title">${t("profiles.others")}</h3><div class="card">${others.map(profileRow)}</div>` : nothing;
}

const profileRow = (each) => html`<div class="setting"><span class="grow"><span class="title">${each.name}</span><span class="line">${t(each.is_running ? "profiles.running" : "profiles.resting")}</span>
  <span class="link-well"><code>${opens(each)}</code><button type="button" class="icon-button small" aria-label=${t("profiles.copy", { name: each.name })} @click=${doing(() => copyText(opens(each)))}>${icon("copy", 17)}</button></span></span></div>`;

/** They are named on the screen of a locked one, too: a page of its own shows each. */
export async function openOtherProfiles() {
  const isHere = here();
  const { profiles } = await get("/v1/profiles");
  if (!isHere()) return;
  const others = profiles.filter((each) => !each.is_this);
  openDialog({ title: t("lock.others"), safe: t("close"), body: html`<p>${t("settings.profile.line")}</p>${others.length ? html`<div class="card">${others.map(profileRow)}</div>` : html`<p>${t("profiles.none")}</p>`}` });
}
