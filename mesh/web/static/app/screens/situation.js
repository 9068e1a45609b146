// What is amiss with a conversation or with the network, above the stream.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { post } from "../api.js";
import { doing } from "../dom.js";
import { groupOf } from "../groups.js";
import { icon } from "../icons.js";
import { hasNewKeys, isUnreached } from "../marks.js";
import { state } from "../state.js";
import { span, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import "../words_more.js";

export const SITUATIONS = ["nobody-yet", "client-isolation", "routed", "no-multicast", "captive-portal", "vpn", "firewall-here", "firewall-there"];

/** One banner at a time, by what matters most; what the node says of itself stands above it. */
export function banner(each, contact) {
  if (each.comparison === "failed") return html`<div class="banner danger" role="alert">${icon("shield-alert", 20)}<p>${rich("banner.failed")}</p><a class="button" href=${`#/people/compare/${contact.id}`}>${t("show")}</a></div>`;
  if (["asked by them", "compare"].includes(each.comparison)) return html`<div class="banner care" role="status">${icon("eye", 20)}<p>${rich(each.comparison === "compare" ? "banner.comparing" : "banner.asked", { name: each.title })}</p><a class="button" href=${`#/people/compare/${contact.id}`}>${t("banner.compare")}</a></div>`;
  if (contact && hasNewKeys(contact)) return html`<div class="banner care" role="status">${icon("shield-alert", 20)}<p>${rich("banner.keys", { name: each.title })}</p><a class="button" href=${`#/people/compare/${contact.id}`}>${t("banner.compare")}</a></div>`;
  if (contact && isUnreached(contact)) return html`<div class="banner care" role="status">${icon("unplug", 20)}<p>${rich("banner.unreached", { name: each.title })}</p><a class="button" href="#/people/add">${t("unreached.invite")}</a></div>`;
  if (each.is_blocked) return html`<div class="banner" role="status">${icon("ban", 20)}<p>${rich("banner.blocked", { name: each.title })}</p><button class="button" @click=${doing(() => post(`/v1/contacts/${contact.id}/block`, { is_blocked: false }))}>${t("banner.unblock")}</button></div>`;
  const group = each.kind === "group" ? groupOf(each.number) : null;
  if (group?.state === "waiting-for-keys") return html`<div class="banner" role="status">${icon("key-round", 20)}<p>${group.waiting_for.length ? rich("banner.waiting.for", { n: group.waiting_for.length, names: group.waiting_for.join(", "), t: timeOfDay(group.waiting_since) }) : rich("banner.waiting", { t: timeOfDay(group.waiting_since) })}</p></div>`;
  const clock = state.status?.clock_offset_seconds ?? 0;
  if (Math.abs(clock) > 120) return html`<div class="banner care" role="status">${icon("clock-alert", 20)}<p>${rich("banner.clock", { time: span(Math.abs(clock)), direction: t(clock > 0 ? "clock.behind" : "clock.ahead") })}</p></div>`;
  if (state.status && !state.status.links_count && each.kind !== "self") return html`<div class="banner" role="status">${icon("unplug", 20)}<p>${rich(SITUATIONS.includes(state.status.situation) ? `situation.${state.status.situation}` : "banner.nobody")}</p><a class="button" href="#/network/doctor">${t("why")}</a></div>`;
  if (state.status?.limits?.length) return html`<div class="banner" role="status">${icon("info", 20)}<p>${state.status.limits[0]}</p></div>`;
  return nothing;
}
