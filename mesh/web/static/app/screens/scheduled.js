// What is to be sent later: asking for it, and what waits.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { get, patch, post, Problem, remove } from "../api.js";
import { doing, here, openDialog, toast } from "../dom.js";
import { icon } from "../icons.js";
import { fetchPart } from "../later.js";
import { draftOf, modeOf, setDraft, wordsOf } from "../outbox.js";
import { Patience } from "../patience.js";
import { change, onForget, state } from "../state.js";
import { oneLine } from "../text.js";
import { exact, nowSeconds, timeOfDay } from "../times.js";
import { t } from "../words.js";
import "../words_more.js";
import { focusComposer } from "./composer.js";
import { keyOf, openForm } from "./create.js";
import { fileIcon, fileName } from "./files.js";

/** All that waits, the first that is due first; null: not asked for yet. */
let waiting = null;
let asking = null;
let isPlanned = false;
/** Drawing asks again. */
const patience = new Patience(() => { isPlanned = false; change(); });
const calm = () => { patience.calm(); isPlanned = false; };
onForget(() => { waiting = null; calm(); });

function load() {
  asking ??= get("/v1/scheduled").then((answer) => { waiting = answer.scheduled; calm(); }, () => { isPlanned = true; patience.later(); }).finally(() => { asking = null; });
  return asking.then(() => change());
}

/** What an event told of one. */
export function takeScheduled({ scheduled, is_over }) {
  if (!waiting) return;
  const rest = waiting.filter((other) => other.number !== scheduled.number);
  waiting = is_over ? rest : [...rest, scheduled].sort((a, b) => a.at - b.at || a.number - b.number);
}

/** What the daemon told may have been missed. */
export const refreshScheduled = () => { if (waiting) load(); };

const inConversation = (each) => (waiting ?? []).filter((one) => one.conversation === each.number);

/** Above the field: how many wait here, and the way to them. */
export function strip(each) {
  if (!waiting) { if (!asking && !isPlanned && !state.silentSince) load(); return nothing; }
  const here = inConversation(each);
  if (!here.length) return nothing;
  const failures = here.filter((one) => one.failure).length;
  return html`<button class="chip waiting ${failures ? "care" : ""}" @click=${() => openList(each)}>${icon(failures ? "circle-alert" : "calendar-clock", 15)}${failures ? t("later.failed", { n: failures }) : t("later.waits", { n: here.length, t: whenOf(here[0].at) })}</button>`;
}

const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const isToday = (at) => new Date(at * 1000).toDateString() === new Date().toDateString();
const whenOf = (at) => (isToday(at) ? timeOfDay(at) : day.format(new Date(at * 1000)));

function openList(each) {
  openDialog({
    title: t("later.title"), safe: t("close"), broad: true,
    body: () => html`<p class="small">${t("later.means")}</p><ul class="later">${inConversation(each).map((one) => html`<li>
      <div class="grow"><span class="what" dir="auto">${oneLine(one.text, 300)}</span>${namesOf(one.files)}<span class="small" title=${exact(one.at)}>${one.at <= nowSeconds() && !one.failure ? t("later.soon") : whenOf(one.at)}</span>${one.failure ? html`<span class="small danger">${t("later.why", { why: one.failure })}</span>` : nothing}</div>
      <button class="icon-button small" aria-label=${t("later.change", { text: oneLine(one.text || one.files[0]?.name || "", 40) })} title=${t("change")} @click=${() => askChange(each, one)}>${icon("pencil", 18)}</button>
      <button class="icon-button small" aria-label=${t("later.cancel", { text: oneLine(one.text || one.files[0]?.name || "", 40) })} title=${t("later.not")} @click=${doing(() => cancel(each, one))}>${icon("trash-2", 18)}</button></li>`)}</ul>
      ${inConversation(each).length ? nothing : html`<p>${t("later.none")}</p>`}`,
  });
}

async function cancel(each, one) {
  const isHere = here();
  const told = await remove(`/v1/scheduled/${one.number}`);
  takeScheduled({ scheduled: told, is_over: true });
  if (!inConversation(each).length) isHere();
  // Nothing that was written is lost: it is the draft again, if there is none.
  if (told.files.length && !state.attached.has(each.number)) state.attached.set(each.number, told.files.map((file) => ({ ...file, key: crypto.randomUUID(), sent: 1, fields: {}, problem: null })));
  change();
  if (draftOf(each.number).trim()) return;
  setDraft(each.number, one.text, one.reply ? { number: one.reply, text: "", gone: "", author: null } : null);
  toast(t("later.draft"));
}

const local = (at) => { const there = new Date(at * 1000); return new Date(there - there.getTimezoneOffset() * 60_000).toISOString().slice(0, 16); };
const secondsOf = (data) => Math.floor(new Date(data.get("at")).getTime() / 1000);
const STEP_S = 300;

/** The files that go with a text, by their names. */
const namesOf = (files) => files.map((file) => html`<span class="small">${icon(fileIcon(file), 15)} ${fileName(file.name)}</span>`);

/** The form of a text and its time; `at` is in Unix seconds. */
function form({ title, acts, text, at, act, typed, files = [] }) {
  openForm({
    title, acts,
    view: () => html`<div class="field"><label for="later-text">${t("later.text")}</label><textarea id="later-text" name="text" rows="3" ?required=${!files.length} maxlength="20000" dir="auto" .value=${text} @input=${(event) => typed?.(event.target.value)}></textarea>${namesOf(files)}</div>
      <div class="field"><label for="later-at">${t("later.at")}</label><input id="later-at" name="at" type="datetime-local" required autofocus .value=${local(at)}></div><p class="small">${t("later.means")}</p>`,
    act: async (data) => {
      const told = { text: String(data.get("text")).trim(), at: secondsOf(data) };
      if ((!told.text && !files.length) || !(told.at > nowSeconds())) throw new Problem("past");
      return act(told);
    },
  });
}

/** Ask when what is typed shall be sent. */
export function askLater(each) {
  const mode = modeOf(each.number);
  const reply = mode?.kind === "reply" ? mode.item.number : 0;
  const keyFor = keyOf();
  const attached = state.attached.get(each.number) ?? [];
  form({
    title: t("later.ask"), acts: t("later.do"), text: draftOf(each.number), files: attached, at: Math.ceil((nowSeconds() + 3600) / STEP_S) * STEP_S,
    typed: (words) => setDraft(each.number, words),
    act: async ({ text, at }) => {
      const stands = () => `${modeOf(each.number)?.item?.number} ${draftOf(each.number)}`;
      const before = stands();
      const words = wordsOf(each, text);
      const files = await (await fetchPart("attach")).numbersOf(attached);
      const wanted = { ...words, at, ...(reply ? { reply } : {}), ...(files.length ? { files } : {}) };
      // The same words are not planned twice where an answer was lost and only the time is another.
      let told = await post(`/v1/conversations/${each.number}/scheduled`, wanted, { key: keyFor({ ...wanted, at: 0 }) });
      if (told.at !== at) told = await patch(`/v1/scheduled/${told.number}`, { at });
      takeScheduled({ scheduled: told });
      // What was written or attached meanwhile is not part of it.
      const rest = (state.attached.get(each.number) ?? []).filter((entry) => !attached.includes(entry));
      if (rest.length) state.attached.set(each.number, rest);
      else state.attached.delete(each.number);
      if (stands() === before) setDraft(each.number, "", null);
      toast(t("later.done", { t: whenOf(told.at) }));
      // Behind the way back to where the form was opened.
      return () => change(focusComposer);
    },
  });
}

function askChange(each, one) {
  form({
    title: t("later.ask"), acts: t("save"), text: one.text, files: one.files, at: one.at,
    act: async ({ text, at }) => {
      // Its marks stay only with its words.
      const told = await patch(`/v1/scheduled/${one.number}`, { at, ...(text === one.text ? {} : { text }) });
      takeScheduled({ scheduled: told });
      toast(t("later.done", { t: whenOf(told.at) }));
    },
  });
}
