// Where a message is written. What is typed goes into the vault as a draft, and is never cleared by Esc.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { keyed } from "../../vendor/lit-html/directives/keyed.js";
import { askTimer, opener, tell } from "../acts.js";
import { doing } from "../dom.js";
import { icon } from "../icons.js";
import { fetchPart, part } from "../later.js";
import { begunAt, peopleOf } from "../mentions.js";
import { draftOf, modeOf, send, setDraft, setMode, wordsOf } from "../outbox.js";
import { aroundDrawing, change, drawNow, state } from "../state.js";
import { streamOf } from "../stream.js";
import { lasts } from "../times.js";
import { t } from "../words.js";
import { editLast, quote } from "./message.js";

/** The bound of a message, in bytes of UTF-8. */
const TEXT_BYTES_MAX = 60_000;
const size = new TextEncoder();

let isWanted = false;

/** Whose name is begun behind an @, in which chat: those who may be meant, and the place of the chosen one. */
let meant = null;

/** Put the focus into the composer, as soon as there is one. */
export function focusComposer() {
  isWanted = true;
  settleFocus();
}

function settleFocus() {
  const field = isWanted && !state.dialog ? document.querySelector(".composer textarea") : null;
  if (!field) return;
  isWanted = false;
  field.focus();
}

aroundDrawing(() => {}, settleFocus);

export function composer(each) {
  if (state.recording?.conversation === each.number) return part("recorder")?.recorderView(each);
  const mode = modeOf(each.number);
  const isEdit = mode?.kind === "edit";
  const text = isEdit ? mode.text : draftOf(each.number);
  const files = isEdit ? [] : state.attached.get(each.number) ?? [];
  // With the field, not with the first file: what is chosen while the daemon is silent is held by it.
  const attach = part("attach");
  const hasVoice = !(isEdit || text.trim() || files.length || each.reads === 1);
  const over = text.length > TEXT_BYTES_MAX / 4 ? size.encode(text).length - TEXT_BYTES_MAX : 0;
  const label = isEdit ? t("edit.title") : each.kind === "self" ? t("composer.note") : t("composer.label", { name: each.title });
  const submit = () => {
    const current = isEdit ? mode.text : draftOf(each.number);
    if (!(current.trim() || files.length) || over > 0) return;
    if (isEdit) { doing(() => saveEdit(each, mode))(); return; }
    streamOf(each.number).atEnd = true;
    streamOf(each.number).newFrom = 0;
    send(each.number, current.trim());
    // At once, and not with the next frame: the next letter may be typed before it.
    drawNow();
  };
  const put = (words) => { isEdit ? mode.text = words : setDraft(each.number, words); };
  const typed = (event) => {
    put(event.target.value);
    meant = { conversation: each.number, at: 0, ...begunAt(event.target.value, event.target.selectionStart, peopleOf(each, isEdit ? mode.item : null)) };
    change();
  };
  const choose = (person) => {
    const field = document.querySelector(".composer textarea");
    put(`${field.value.slice(0, meant.from)}${person.label} ${field.value.slice(field.selectionStart)}`);
    const caret = meant.from + person.label.length + 1;
    meant = null;
    drawNow();
    field.focus();
    field.setSelectionRange(caret, caret);
  };
  const choices = each.reads !== 1 && meant?.conversation === each.number ? meant.choices ?? [] : [];
  return keyed(each.number, html`<form class="composer" @submit=${(event) => { event.preventDefault(); submit(); }}>
    ${mode ? html`<div class="mode">${icon(isEdit ? "pencil" : "reply", 17)}<div class="grow">${isEdit ? html`<strong>${t("edit.title")}</strong><span class="small"> ${t("edit.back")}</span>` : quote(each, mode.item)}</div>
      <button type="button" class="icon-button small" aria-label=${t("cancel")} @click=${() => { setMode(each.number, null); focusComposer(); }}>${icon("x", 18)}</button></div>` : nothing}
    ${files.length ? attach?.chips(each, files) : nothing}
    ${choices.length ? html`<ul class="meant" id="meant" role="listbox" aria-label=${t("composer.meant")}>${choices.map((person, place) => html`<li role="option" id=${`meant-${place}`} aria-selected=${place === meant.at ? "true" : "false"} @pointerdown=${(event) => { event.preventDefault(); choose(person); }}><bdi>@${person.label}</bdi></li>`)}</ul>` : nothing}
    ${over > 0 ? html`<div class="mode"><span class="grow count" role="status">${t("composer.over", { n: over })}</span>${isEdit || each.reads === 1 ? nothing : html`<button type="button" class="button" @click=${doing(() => asFile(each, text))}>${icon("paperclip", 17)}${t("composer.asfile")}</button>`}</div>` : nothing}
    <div class="well"><textarea rows="1" aria-autocomplete="list" aria-controls=${choices.length ? "meant" : nothing} aria-activedescendant=${choices.length ? `meant-${meant.at}` : nothing} dir="auto" aria-label=${label} placeholder=${label} .value=${live(text)} enterkeyhint="send"
        @input=${typed} @paste=${(event) => pasted(event, each)} @keydown=${(event) => (choices.length && chosen(event, choices, choose)) || keys(event, each, submit)} @blur=${() => { if (meant) { meant = null; change(); } }}></textarea>
      ${isEdit || each.reads === 1 ? nothing : html`<button type="button" class="icon-button small plus" aria-label=${t("add")} @click=${doing(({ currentTarget }) => opener("cards", "createMenu")({ currentTarget }, each))}>${icon("plus", 20)}</button>`}
      ${each.timer ? html`<button type="button" class="chip timer" title=${t("timer.after", { time: lasts(each.timer) })} @click=${() => askTimer(each)}>${icon("timer", 17)}<span class="unseen">${t("timer.title")}</span><span class="time">${lasts(each.timer)}</span></button>` : nothing}
      ${hasVoice ? html`<button type="button" class="icon-button small mic" aria-label=${t("composer.voice")} title=${t("composer.voice")} @click=${doing(() => opener("recorder", "record")(each))}>${icon("mic", 20)}</button>` : nothing}
      <button class="send" ?hidden=${hasVoice} aria-label=${t(isEdit ? "save" : "composer.send")} ?disabled=${!(text.trim() || files.length) || over > 0}>${icon(isEdit ? "check" : "arrow-up", 20)}</button></div>
  </form>`);
}

/** What is too long for a message goes as a file. */
async function asFile(each, text) {
  const count = () => state.attached.get(each.number)?.length ?? 0;
  const before = count();
  await (await fetchPart("attach")).attach(each, [new File([text], t("composer.asfile.name"), { type: "text/plain" })]);
  if (count() > before) setDraft(each.number, "");
}

/** Files that were copied are attached; with words beside them, those are meant. */
function pasted(event, each) {
  const files = [...event.clipboardData.files];
  if (!files.length || event.clipboardData.types.includes("text/plain") || modeOf(each.number)?.kind === "edit") return;
  event.preventDefault();
  doing(async () => (await fetchPart("attach")).attach(each, files))();
}

async function saveEdit(each, mode) {
  const { text, marks, mentions } = wordsOf(each, mode.text.trim(), mode.item);
  const isSame = text === mode.item.text && JSON.stringify(marks) === JSON.stringify((mode.item.marks ?? []).map(({ kind, start, length }) => ({ kind, start, length })))
    && JSON.stringify(mentions) === JSON.stringify((mode.item.mentions ?? []).map(({ start, length, key }) => ({ start, length, key })));
  if (mode.isBusy) return;
  mode.isBusy = true;
  try { if (!isSame) await tell(mode.item, "edit", { text, marks, mentions }); } finally { mode.isBusy = false; }
  if (modeOf(each.number) === mode) setMode(each.number, null);
}

/** While names are offered, the arrows go through them, Tab and Enter take one, and Escape none. */
function chosen(event, choices, choose) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const takes = event.key === "Tab" || event.key === "Enter";
  if (event.isComposing || event.shiftKey || !(step || takes || event.key === "Escape")) return false;
  event.preventDefault();
  event.stopPropagation();
  if (step) meant.at = (meant.at + step + choices.length) % choices.length;
  else if (takes) choose(choices[meant.at]);
  else meant = null;
  change();
  return true;
}

function keys(event, each, submit) {
  if (event.key === "Enter" && !event.isComposing) {
    const sends = state.preferences.enterSends ? !event.shiftKey : event.ctrlKey || event.metaKey;
    if (!sends) return;
    event.preventDefault();
    submit();
  } else if (event.key === "ArrowUp" && !event.target.value && !modeOf(each.number)) {
    event.preventDefault();
    if (!editLast(each, streamOf(each.number).items)) [...document.querySelectorAll(".message")].at(-1)?.focus();
  }
}
