// What is known of a message or a person, as a mark with words: one for one fact.
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { icon, partIcon } from "./icons.js";
import { isFullDisk } from "./patience.js";
import { state } from "./state.js";
import { age, day, timeOfDay } from "./times.js";
import { has, t, told } from "./words.js";

const STATES = {
  unsaved: ["circle-alert", "danger"], refused: ["circle-alert", "danger"], "awaiting-key": ["key-round", ""], queued: ["clock", ""],
  "waiting-for-keys": ["key-round", ""], carried: ["carried", ""], delivered: ["check-check", "proof"], read: ["read", "proof"], expired: ["hourglass", "care"],
  withdrawn: ["undo-2", ""], "delivered-then-withdrawn": ["undo-2", "proof"], kept: ["bookmark", ""],
};

/** How many members' devices are known to hold what one wrote in a group; null: none is. */
const devicesOf = (item) => (item.devices?.told ? item.devices : null);

/** Whether nobody is in a group any more who was there when it was written: then they are on the way to nobody. */
const isForNobody = (item) => item.devices?.of === 0 && ["queued", "carried", "delivered", "waiting-for-keys"].includes(item.state);

/** The words of a state; a code that a later release made is shown as it is. */
export const stateWords = (item) => {
  if (devicesOf(item)) return t(item.devices.read ? "state.devices.read" : "state.devices", { n: item.devices.told, m: item.devices.of, r: item.devices.read });
  if (isForNobody(item)) return t("state.nobody");
  const key = `state.${item.state}`;
  return has(key) || has(`${key}.other`) ? t(key, { n: item.carriers ?? 0 }) : item.state;
};

export function stateMark(item, withWords = true) {
  const words = withWords ? html`<span class="unseen">${stateWords(item)}</span>` : nothing;
  if (devicesOf(item)) {
    const { told: n, of } = item.devices;
    return html`<span class="mark ${n >= of ? "proof" : ""}">${n >= of ? icon("check-check", 15) : partIcon(n, of)}<span aria-hidden="true">${n}/${of}</span>${words}</span>`;
  }
  if (isForNobody(item)) return html`<span class="mark">${icon("info", 15)}${words}</span>`;
  const [name, kind] = STATES[item.state] ?? ["info", ""];
  return html`<span class="mark ${kind}">${icon(name, 15)}${item.state === "carried" && item.carriers ? html`<span aria-hidden="true">${item.carriers}</span>` : nothing}
    ${item.state === "delivered-then-withdrawn" ? icon("check-check", 15) : nothing}${words}</span>`;
}

/** The visible line under an own message: what is known, and what happens next. */
export function stateLine(item) {
  if (isForNobody(item)) return { kind: "", words: stateWords(item), more: "", hasNames: false };
  const devices = devicesOf(item);
  const kind = devices ? (devices.told >= devices.of ? "proof" : "") : STATES[item.state]?.[1] ?? "";
  const more = devices ? (item.state === "expired" ? t("line.devices.over") : "") : item.problem ? (item.state === "unsaved" ? tried(item.problem) : told(item.problem)) : has(`line.${item.state}`) ? t(`line.${item.state}`) : "";
  const facts = [more];
  if (item.exported) facts.push(t("line.stick", { day: timeOfDay(item.exported) }));
  if (item.unanswered_since) facts.push(t("line.unanswered", { day: day(item.unanswered_since) }));
  if (item.posts_count > 1) facts.push(t("line.again", { n: item.posts_count - 1 }));
  if (item.kept_until && ["queued", "carried", "awaiting-key"].includes(item.state)) facts.push(t("line.until", { day: day(item.kept_until) }));
  return { kind, words: stateWords(item), more: facts.filter(Boolean).join(" · "), hasNames: devices !== null };
}

/** Why something is not saved yet though it was handed over. */
const tried = (problem) => t(isFullDisk(problem) ? "line.unsaved.disk" : state.silentSince ? "line.unsaved" : "line.unsaved.again");

/** What is known of the wish that something of ours is deleted there as well. */
export function retractionLine({ state: code, carriers, devices }) {
  if (devices?.told) return { kind: devices.told >= devices.of ? "proof" : "", words: t("retracted.devices", { n: devices.told, m: devices.of, k: devices.of - devices.told }), more: "" };
  if (devices) return { kind: "", words: t("retracted.devices.none", { m: devices.of }), more: "" };
  const key = `retracted.${code === "read" ? "delivered" : code}`;
  return { kind: code === "delivered" || code === "read" ? "proof" : code === "expired" ? "care" : "", words: t(has(key) || has(`${key}.other`) ? key : "retracted.queued", { n: carriers }), more: "" };
}

export const hasNewKeys = (contact) => contact.unconfirmed > 0 || (contact.identity_changed > 0 && contact.trust !== "verified");

/** Whether this profile is known to be older than what was written with it, so that they may not get what is written. */
export const isUnreached = (contact) => contact.unreached > 0 && !contact.is_blocked;

/** One mark of trust: its icon, colour and words. */
export function trustOf(contact) {
  if (contact.is_blocked) return { icon: "ban", kind: "", word: t("trust.blocked"), means: t("trust.blocked.means") };
  if (contact.is_request) return { icon: "inbox", kind: "", word: t("trust.request"), means: t("trust.request.means") };
  if (hasNewKeys(contact)) return { icon: "key-round", kind: "care", word: t("trust.keys"), means: t("trust.keys.means") };
  if (contact.trust === "verified") return { icon: "shield-check", kind: "proof", word: t("trust.verified"), means: t("trust.verified.means") };
  if (contact.trust === "known") return { icon: "user-check", kind: "", word: t("trust.known"), means: contact.introduced_by ? t("trust.known.means", { name: contact.introduced_by }) : t("trust.known.link") };
  return { icon: "circle-dashed", kind: "", word: t("trust.first seen"), means: t("trust.first seen.means") };
}

export function trustChip(contact) {
  const trust = trustOf(contact);
  return html`<span class="chip ${trust.kind}" title=${trust.means}>${icon(trust.icon, 15)}<span>${trust.word}</span></span>${isUnreached(contact)
    ? html`<span class="chip care" title=${t("unreached.means")}>${icon("unplug", 15)}<span>${t("unreached")}</span></span>` : nothing}`;
}

export function trustIcon(contact) {
  const trust = trustOf(contact);
  return html`<span class="mark ${trust.kind}" title=${trust.means}>${icon(trust.icon, 15)}<span class="unseen">${trust.word}</span></span>${isUnreached(contact)
    ? html`<span class="mark care" title=${t("unreached.means")}>${icon("unplug", 15)}<span class="unseen">${t("unreached")}</span></span>` : nothing}`;
}

/** The beginning of a key beside a name that could be mistaken for another one. */
export const keyBeside = (contact) => (contact.looks_like?.length && contact.key ? digits(keyStart(contact.key)) : nothing);
const digits = (key) => html`<span class="mono small">${key}</span>`;
/** For the eye alone, in nothing that is sent. */
export const markOf = ({ key, mark }, group) => state.members.get(group)?.get(key)?.mark ?? mark;
export const markBeside = (one, group) => [markOf(one, group)].map((mark) => mark && digits(` · ${mark}`));
export const keyStart = (key) => `${key.slice(0, 4)} ${key.slice(4, 8)}`;

/** When their device was last heard, as evidence: never "online". */
export function heardLine(contact) {
  if (state.silentSince) return t("asof", { t: timeOfDay(state.silentSince) });
  const link = state.peers?.find((peer) => peer.state === "linked" && peer.contact === contact.label);
  if (link) return link.interface ? t("linked", { interface: link.interface }) : t("linked.now");
  if (contact.state !== "answered") return contact.state === "waiting for their key" ? t("trust.waiting") : t("answer.none");
  return contact.heard ? t("heard", { age: age(contact.heard) }) : t("heard.never");
}
