// [18] Own links as map and table, [19] what is carried, [20] the doctor.
import { html, nothing, svg } from "../../vendor/lit-html/lit-html.js";
import { ask, get, post, remove } from "../api.js";
import { letters } from "../avatar.js";
import { copyText, doing, failure, here, openDialog, toast } from "../dom.js";
import { icon } from "../icons.js";
import { trustIcon } from "../marks.js";
import { onArrival } from "../router.js";
import { change, state } from "../state.js";
import { loadPeers } from "../sync.js";
import { bytes, nowSeconds, span, time } from "../times.js";
import { rich, t } from "../words.js";
import "../words_more.js";
import { emptyState } from "./frame.js";
import { SITUATIONS } from "./situation.js";

const TABS = ["links", "carrying", "doctor"];
let problem = null;

export function page() {
  const tab = TABS.includes(state.route.parts[0]) ? state.route.parts[0] : "links";
  const title = { links: t("net.title"), carrying: t("carry.title"), doctor: t("doctor.title") }[tab];
  return html`<header class="header"><h2>${title}</h2><nav class="tabs" aria-label=${t("net.title")}>${TABS.map((name) => html`<a href=${`#/network/${name}`} aria-current=${tab === name ? "page" : nothing}>${t(`net.${name}`)}</a>`)}</nav></header>
    <div class="scroll" tabindex="0">${problem ? failure(problem, () => load(tab)) : tab === "links" ? links() : tab === "carrying" ? carrying() : doctor()}</div>`;
}

async function load(tab) {
  problem = null;
  try {
    if (tab === "links") await loadPeers();
    if (tab === "doctor") await lookAgain();
    state.status = await get("/v1/status");
  } catch (refused) { problem = refused; }
  change();
}

// ---- [18] Links ----

const contactOf = (peer) => [...state.contacts.values()].find((each) => each.label === peer.contact);
/** How long a link stands, counted on from when it was told. */
const linkSeconds = (peer) => Math.max(0, nowSeconds() - peer.since);

function links() {
  const peers = state.peers ?? [];
  const linked = peers.filter((peer) => peer.state === "linked");
  const others = peers.filter((peer) => peer.state !== "linked");
  const situation = SITUATIONS.includes(state.status?.situation) ? state.status.situation : "";
  return html`<div class="page-body wide"><p class="lead">${t("net.lead")}</p>
    ${situation ? html`<div class="banner" role="status">${icon("unplug", 20)}<p>${rich(`situation.${situation}`)}</p><a class="button" href="#/network/doctor">${t("why")}</a></div>` : nothing}
    <div class="map-grid"><div class="card">${map(linked, others.filter((peer) => peer.state === "connecting"))}</div>
      <div class="card table-wrap" tabindex="0" role="region" aria-label=${t("net.links")}><table class="links"><thead><tr><th>${t("net.who")}</th><th>${t("net.over")}</th><th class="end">${t("net.for")}</th><th class="end">${t("net.bytes")}</th></tr></thead>
        <tbody>${linked.length ? linked.map((peer) => { const contact = contactOf(peer); return html`<tr><td>${contact ? html`<strong><bdi>${contact.label}</bdi></strong> ${trustIcon(contact)}` : html`<strong>${t("net.neighbour")}</strong>`}<span class="address">${peer.address}</span></td><td>${peer.interface || "–"}</td><td class="end">${span(linkSeconds(peer))}</td><td class="end">${bytes(peer.bytes_received)} / ${bytes(peer.bytes_sent)}</td></tr>`; }) : html`<tr><td colspan="4">${t("net.none")}</td></tr>`}</tbody></table></div></div>
    <div class="buttons"><button class="button" @click=${addAddress}>${icon("plus", 17)}${t("net.address")}</button><a class="button" href="#/network/doctor">${icon("stethoscope", 17)}${t("net.missing")}</a></div>
    ${others.length ? html`<h3 class="group-title">${t("net.known")}</h3><div class="card">${others.map((peer) => html`<div class="setting"><span class="grow"><span class="title mono" dir="ltr">${peer.address}</span><span class="line">${peer.state === "connecting" ? t("net.calling") : peer.source ? t(`net.via.${peer.source}`) : peer.state}</span></span>
      ${peer.is_configured ? html`<button class="button" @click=${doing(async () => { await remove("/v1/peers", { address: peer.address }); await load("links"); })}>${t("net.forget")}</button>` : nothing}</div>`)}</div>` : nothing}
  </div>`;
}

const MEDIA = [[/^wl/, "wifi"], [/^(en|eth)\d|^(enp|eno|ens|enx)/, "cable"], [/^(tun|tap|wg|ppp|utun)/, "vpn"]];

/** What an interface is, where its name tells it. */
function interfaceName(name) {
  const medium = MEDIA.find(([pattern]) => pattern.test(name))?.[1];
  return medium ? t(`net.medium.${medium}`, { name }) : name;
}

/** Own links around oneself, in one zone for each interface. Nothing beyond is known, so nothing is drawn. */
function map(linked, calling) {
  const zones = new Map();
  for (const peer of [...linked, ...calling]) {
    const name = peer.interface || t("net.unknown");
    zones.set(name, [...(zones.get(name) ?? []), peer]);
  }
  const all = [...zones];
  const width = 560;
  const height = 380;
  const center = { x: width / 2, y: height / 2 };
  const share = (2 * Math.PI) / Math.max(1, all.length);
  return html`<svg class="map" viewBox="0 0 ${width} ${height}" role="img" aria-label=${t("net.map")}>
    ${all.map(([name, peers], index) => {
      const middle = all.length === 1 ? -Math.PI / 2 : index * share + Math.PI;
      const r = all.length === 1 ? 180 : all.length === 2 ? 138 : 110;
      const zone = all.length === 1 ? center : { x: center.x + Math.cos(middle) * 138, y: center.y + Math.sin(middle) * 75 };
      const spread = all.length === 1 ? 2 * Math.PI : share * 0.8;
      return svg`<circle class="zone" cx=${zone.x} cy=${zone.y} r=${r}></circle>
        ${zoneLabel(zone, center, width, height, interfaceName(name))}
        ${peers.map((peer, place) => {
          const angle = all.length === 1 ? (place / peers.length) * spread - Math.PI / 2 : middle - spread / 2 + ((place + 0.5) / peers.length) * spread;
          const far = peers.length > 8 ? 90 + (place % 2) * 40 : 115;
          const x = center.x + Math.cos(angle) * far * (all.length === 1 ? 1 : 1.55);
          const y = center.y + Math.sin(angle) * far;
          const contact = contactOf(peer);
          const isCalling = peer.state === "connecting";
          return svg`<line class="edge ${isCalling ? "calling" : ""}" x1=${center.x} y1=${center.y} x2=${x} y2=${y}></line>
            <circle class="node ${contact ? "contact" : ""} ${isCalling ? "calling" : ""}" cx=${x} cy=${y} r=${contact ? 24 : 18}></circle>
            ${contact ? svg`<text class="in" x=${x} y=${y + 4}>${letters(contact.label)}</text>` : nothing}
            <text class=${contact ? "strong" : ""} x=${x} y=${y < center.y - 10 ? y - (contact ? 31 : 25) : y + (contact ? 40 : 34)}>${contact ? contact.label.slice(0, 24) : isCalling ? t("net.calling") : t("net.neighbour")}</text>`;
        })}`;
    })}
    <circle class="node self" cx=${center.x} cy=${center.y} r="30"></circle><text class="self" x=${center.x} y=${center.y + 4}>${t("you")}</text></svg>`;
}

/** The name of a zone stands in the corner nearest to it, where no neighbour is drawn. */
function zoneLabel(zone, center, width, height, name) {
  const isOnly = zone === center;
  const isBeside = isOnly || Math.abs(zone.x - center.x) > 1;
  const isRight = !isOnly && zone.x > center.x;
  return svg`<text class=${!isBeside ? "" : isRight ? "to" : "from"} x=${!isBeside ? center.x : isRight ? width - 20 : 20} y=${zone.y > center.y + 1 ? height - 12 : 26}>${name}</text>`;
}

function addAddress() {
  const form = { address: "" };
  openDialog({
    title: t("net.address"), safe: t("cancel"), acts: t("add"), danger: false,
    act: async () => { const isHere = here(); await post("/v1/peers", { address: form.address.trim() }); isHere(); await load("links"); },
    body: html`<div class="field"><label for="peer-address">${t("net.address.label")}</label><input id="peer-address" dir="ltr" @input=${(event) => { form.address = event.target.value; }}><span class="hint">${t("net.address.hint")}</span></div>`,
  });
}

// ---- [19] Carrying ----

const GROUPS = [["own", "a"], ["contacts", "b"], ["friends of contacts", "c"], ["strangers", "d"]];
const patterns = html`<svg class="unseen" aria-hidden="true"><defs>
  <pattern id="hatch-b" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="ink" x1="2" y1="0" x2="2" y2="7" stroke-width="3.4"></line></pattern>
  <pattern id="hatch-c" width="6" height="6" patternUnits="userSpaceOnUse"><circle class="ink" cx="3" cy="3" r="1.3"></circle></pattern>
  <pattern id="hatch-d" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><line class="ink-2" x1="2" y1="0" x2="2" y2="7" stroke-width="2"></line></pattern></defs></svg>`;
const fill = (kind, x, width, height) => svg`<rect class=${kind} x=${x} y="0" width=${width} height=${height}></rect>${kind === "a" ? nothing : svg`<rect x=${x} y="0" width=${width} height=${height} fill=${`url(#hatch-${kind})`}></rect>`}`;

function carrying() {
  const status = state.status;
  if (!status) return nothing;
  const total = status.stored_bytes_max || 1;
  let at = 0;
  const bars = GROUPS.map(([whom, kind]) => {
    const group = status.carried.find((each) => each.whom === whom);
    // Little is not nothing.
    const width = group?.bytes ? Math.max(4, (group.bytes / total) * 640) : 0;
    const bar = fill(kind, at, width, 16);
    at += width;
    return bar;
  });
  const refused = Object.entries(status.refused);
  return html`<div class="page-body"><p class="lead">${t("carry.lead")}</p>${patterns}
    <div class="card"><div class="setting"><span class="grow"><strong>${t("carry.used", { used: bytes(status.stored_bytes), max: bytes(status.stored_bytes_max) })}</strong></span><span class="value">${t("carry.count", { n: status.envelopes_count })}</span></div>
      <div class="setting"><svg class="bar" viewBox="0 0 640 16" preserveAspectRatio="none" aria-hidden="true"><rect class="rest" width="640" height="16"></rect>${bars}</svg></div>
      ${GROUPS.map(([whom, kind]) => { const group = status.carried.find((each) => each.whom === whom); return html`<div class="setting"><svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">${fill(kind, 0, 14, 14)}</svg><span class="grow"><span class="title">${t(`carry.${whom}`)}</span><span class="line">${t(`carry.${whom}.line`)}</span></span><span class="value">${bytes(group?.bytes ?? 0)} · ${(group?.envelopes_count ?? 0).toLocaleString()}</span></div>`; })}</div>
    ${status.limits.length ? html`<div class="card">${status.limits.map((sentence) => html`<div class="setting">${icon("info", 18)}<span class="grow">${sentence}</span></div>`)}</div>` : nothing}
    <h3 class="group-title">${t("carry.stick")}</h3><div class="card">
      <div class="setting"><span class="grow"><span class="title">${t("carry.stick.export")}</span><span class="line">${t("carry.stick.export.line")}</span></span><button class="button" @click=${doing(exportMail)}>${icon("download", 17)}${t("save")}</button></div>
      <div class="setting"><span class="grow"><span class="title">${t("carry.stick.import")}</span><span class="line">${t("carry.stick.import.line")}</span></span><label class="button">${icon("upload", 17)}${t("add")}<input class="unseen" type="file" @change=${doing(importMail)}></label></div></div>
    ${refused.length ? html`<h3 class="group-title">${t("carry.refused")}</h3><div class="card">${refused.map(([reason, count]) => html`<div class="setting"><span class="grow">${reason}</span><span class="value">${count.toLocaleString()}</span></div>`)}</div>` : nothing}</div>`;
}

/** Hand a file to the person who asked for it. */
export async function saveAnswer(answer, name) {
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function exportMail() {
  await saveAnswer(await ask("POST", "/v1/carry/export", { raw: true, seconds: 600 }), "mail.mesh");
}

async function importMail(event) {
  const [file] = event.target?.files ?? [];
  if (!file) return;
  const answer = await ask("POST", "/v1/carry/import", { blob: file, seconds: 600 });
  event.target.value = "";
  toast(t("carry.stick.done", { n: answer.envelopes_count }));
}

// ---- [20] Doctor ----

let isLooking = false;
let near = "";

/** `said`: what a person knows of who is near. */
async function lookAgain(said = {}) {
  isLooking = true;
  change();
  try { state.doctor = { ...(await get("/v1/doctor", said, { seconds: 90 })), at: nowSeconds() }; } finally { isLooking = false; change(); }
}

function doctor() {
  const findings = state.doctor?.findings ?? [];
  const bad = findings.filter((each) => each.level !== "ok");
  const good = findings.filter((each) => each.level === "ok");
  return html`<div class="page-body"><div class="page-head"><h3 class="page-title grow">${state.doctor ? t("doctor.things", { n: bad.length }) : isLooking ? t("doctor.busy") : nothing}</h3>
      ${state.doctor ? html`<span class="small">${t("doctor.looked", { t: time(state.doctor.at) })}</span>` : nothing}<button class="button" ?disabled=${isLooking} @click=${doing(() => lookAgain())}>${icon("refresh-cw", 17)}${t("doctor.again")}</button></div>
    ${isLooking ? html`<p class="small" role="status">${t("doctor.busy")}</p>` : nothing}
    ${bad.length ? html`<div class="card">${bad.map(finding)}</div>` : nothing}
    ${good.length ? html`<h3 class="group-title">${t("doctor.order")}</h3><div class="card calm">${good.map(finding)}</div>` : nothing}
    ${state.doctor && !state.status?.links_count ? html`<h3 class="group-title">${t("doctor.near")}</h3><form class="card" @submit=${doing(async (event) => { event.preventDefault(); await lookAgain({ somebody_here: true, address: near.trim() }); })}>
      <div class="setting"><span class="grow"><label class="title" for="near-address">${t("doctor.near.address")}</label><span class="line">${t("doctor.near.line")}</span></span>
        <input id="near-address" dir="ltr" placeholder="192.168.7.21:41730" .value=${near} @input=${(event) => { near = event.target.value; }}><button class="button main" ?disabled=${isLooking}>${t("doctor.near.look")}</button></div></form>` : nothing}
    ${state.doctor || isLooking ? nothing : emptyState("", t("doctor.busy"))}</div>`;
}

const finding = (each) => html`<div class="finding">${each.level === "ok" ? icon("check", 18) : html`<span class="mark ${each.level === "fail" ? "danger" : "care"}">${icon("triangle-alert", 19)}</span>`}
  <div class="title">${each.found}</div>${each.meaning ? html`<p>${each.meaning}</p>` : nothing}
  ${each.fix ? html`<div class="link-well"><code>${each.fix}</code><button class="icon-button small" aria-label=${t("copy")} @click=${doing(() => copyText(each.fix))}>${icon("copy", 17)}</button></div>` : nothing}</div>`;

onArrival(({ section, parts }) => { if (section === "network" && state.phase !== "starting") load(TABS.includes(parts[0]) ? parts[0] : "links"); });
