// [21] Room by conversation: what takes how much on this computer, and deleting what was said.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { get, remove } from "../api.js";
import { confirm, doing, toast } from "../dom.js";
import { icon } from "../icons.js";
import { change, state } from "../state.js";
import { bytes } from "../times.js";
import { rich, t } from "../words.js";

export async function loadRoom() {
  state.room = (await get("/v1/room")).conversations;
}

export function roomView() {
  const rows = state.room ?? [];
  const most = Math.max(1, ...rows.map((each) => each.bytes));
  return html`<p class="lead">${t("room.lead")}</p>
    <ul class="card">${rows.map((each) => html`<li class="setting">
      <span class="grow"><span class="title">${each.kind === "self" ? t("me.title") : html`<bdi>${each.title}</bdi>`}</span>
        <span class="line">${t("room.messages", { n: each.messages_count })} · ${bytes(each.bytes)}${each.waiting_count ? html` · ${t("room.waiting", { n: each.waiting_count })}` : nothing}</span>
        <progress class="room" aria-hidden="true" max=${most} value=${each.bytes}></progress></span>
      <button class="button danger" ?disabled=${each.messages_count === each.waiting_count} aria-label=${t("room.delete.named", { name: title(each) })} @click=${doing(() => empty(each))}>${icon("trash-2", 17)}${t("room.delete")}</button></li>`)}</ul>
    <p class="small">${t("room.foot")}</p>`;
}

const title = (each) => (each.kind === "self" ? t("me.title") : each.title);

async function empty(each) {
  const isOwn = each.kind === "self";
  const facts = [
    ["trash-2", rich("room.goes", { n: each.messages_count - each.waiting_count }), "danger"],
    ["users-round", t(isOwn ? "room.nowhere" : "room.theirs", { name: each.title })],
    each.waiting_count ? ["clock", t("room.leaves", { n: each.waiting_count })] : null,
    ["save", t("room.backups")],
  ].filter(Boolean);
  const body = html`<ul class="facts">${facts.map(([glyph, words, kind = ""]) => html`<li><span class="mark ${kind}">${icon(glyph, 17)}</span><span>${words}</span></li>`)}</ul>`;
  if (!(await confirm({ title: t(isOwn ? "room.ask.self" : "room.ask", { name: each.title }), body, yes: t("room.delete") }))) return;
  const done = await remove(`/v1/conversations/${each.number}/items`);
  await loadRoom();
  toast(t("room.done", { n: done.deleted_count }));
  change();
}
