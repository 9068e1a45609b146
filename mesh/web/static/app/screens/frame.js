// The frame around all screens: rail, parts, what lies on top.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { post } from "../api.js";
import { dialogView, doing, menuView, toast, toastsView } from "../dom.js";
import { invites, knocksCount } from "../groups.js";
import { icon } from "../icons.js";
import { saveDrafts } from "../outbox.js";
import { go } from "../router.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { silentBanner } from "./banners.js";

const SECTIONS = [["chats", "message-circle"], ["people", "users-round"], ["network", "mesh"]];

// Where one part is shown at a time, the middle's banner is not seen beside a list.
const NARROW = matchMedia("(max-width: 56.19em)");

/** `parts`: { list, middle, details, shown }. */
export function frame(parts) {
  const section = state.route.section;
  return html`<a class="skip button" href="#main" @click=${(event) => { event.preventDefault(); document.querySelector(".middle, .list")?.focus(); }}>${t("skip")}</a>
  <div class="frame" ?data-inside=${parts.shown !== "list" && !parts.isNew && section !== "network"}>
    <nav class="rail" aria-label=${t("app.name")} tabindex="-1" data-part>
      <ul>${SECTIONS.map(([name, glyph]) => html`<li><a class="rail-item" href="#/${name}" aria-current=${section === name ? "page" : nothing}>
        ${icon(glyph, 21)}<span>${t(`nav.${name}`)}</span>${badge(name)}</a></li>`)}</ul>
      <div class="foot">
        <a class="rail-item only-wide" href="#/network">${icon(state.silentSince ? "circle-alert" : state.status?.links_count ? "mesh" : "unplug", 21)}<span>${linkWords()}</span></a>
        <button class="rail-item only-wide" @click=${doing(lockNow)}>${icon("lock", 21)}<span>${t("nav.lock")}</span></button>
        <a class="rail-item" href="#/settings" aria-current=${section === "settings" ? "page" : nothing}>${icon("settings", 21)}<span>${t("nav.settings")}</span></a>
      </div>
    </nav>
    <main class="parts" id="main" data-shown=${parts.shown}><h1 class="unseen">${t("app.name")}${state.identity ? `, ${state.identity.name}` : ""}</h1>
      ${parts.list ? html`<section class="part list" aria-label=${t("part.list", { name: t(`nav.${section}`) })} tabindex="-1" data-part>${state.silentSince && parts.shown === "list" && NARROW.matches ? silentBanner() : nothing}${parts.list}</section>` : nothing}
      <section class="part middle" aria-label=${parts.label ?? t(`nav.${section}`)} tabindex="-1" data-part>${parts.middle}</section>
      ${parts.details ? html`<section class="part details" aria-label=${t("menu.details")} tabindex="-1" data-part>${parts.details}</section>` : nothing}
      ${menuView()}
    </main>
  </div>${layers()}`;
}

export const layers = () => html`${toastsView()}${dialogView()}<div class="unseen" role="status" aria-live="polite">${state.announcement}</div>`;

function badge(name) {
  const waiting = name === "people" ? (state.status?.requests_count ?? 0) + invites().length + knocksCount() : name === "chats" ? unreadChats() : 0;
  return waiting ? html`<span class="badge">${waiting > 99 ? "99+" : waiting}<span class="unseen"> ${name === "people" ? t("people.requests") : t("unread")}</span></span>` : nothing;
}

export const unreadChats = () => [...state.conversations.values()].filter((each) =>
  (each.unread_count || each.is_marked_unread) && !each.is_request && !each.is_blocked && !each.is_archived && each.muted_until < Date.now() / 1000).length;

/** How many need help, of all whom one talks with. */
export const callsForHelp = () => [...state.conversations.values()].reduce((sum, each) => sum + (each.is_request || each.is_blocked ? 0 : each.help_count), 0);

function linkWords() {
  if (state.silentSince) return t("nav.silent");
  const count = state.status?.links_count ?? 0;
  return count ? t("nav.links", { n: count }) : t("nav.nobody");
}

/** Close the vault at once; a profile without a passphrase is told how to get one. */
export async function lockNow() {
  await saveDrafts();
  try {
    await post("/v1/lock");
  } catch (problem) {
    if (problem.type !== "no-passphrase") throw problem;
    go("#/settings/lock");
    toast(t("err.no-passphrase"));
  }
}

export const emptyState = (title, text, actions) => html`<div class="empty">${icon("mesh", 40)}${title ? html`<h3>${title}</h3>` : nothing}<p>${text}</p>${actions ?? nothing}</div>`;
