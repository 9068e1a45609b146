// One message of a stream: its bubble, what is told below, what can be done.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { askDelete, edit, isWhole, messageMenu, nameOf, pictureOf, react, reactMenu, reply, askWithdraw, canWithdraw } from "../acts.js";
import { avatar, toneOf } from "../avatar.js";
import { copyText, doing } from "../dom.js";
import { icon } from "../icons.js";
import { part, ready } from "../later.js";
import { markBeside, markOf, stateMark, stateWords } from "../marks.js";
import { again, giveUp } from "../outbox.js";
import { go } from "../router.js";
import { change, state } from "../state.js";
import { body, oneLine } from "../text.js";
import { exact, lasts, time, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import { focusComposer } from "./composer.js";

const SLOW_S = 600;
const FOLDED_CHARACTERS = 1200;
const FOLDED_LINES = 12;

export const ownTime = (item) => (item.clock && item.received ? item.received : item.sent);
export const nameOfAuthor = (item, each) => (item.isMine || item.author?.is_mine ? t("you") : item.author?.label ?? each.title);

/** A message in one line: its words, or what its first file is. */
export function glimpse({ text = "", files = [] }) {
  const [file] = files;
  const look = !file ? "" : ["picture", "voice", "video"].includes(file.look) ? t(`look.${file.look}`) : oneLine(file.name, 64);
  return [look, oneLine(text, 120)].filter(Boolean).join(" · ");
}

/** What stands instead of words that are no longer here, or that this release cannot show. */
export function goneWords(item, each) {
  const key = item.gone || "newer";
  if (item.hidden) return t(item.hidden.is_me ? "gone.hidden.own" : "gone.hidden.by", { name: item.hidden.label });
  return t(key === "retracted" && item.isMine ? "gone.retracted.own" : `gone.${key}`, { name: nameOfAuthor(item, each) });
}

const CARDS = new Set(["poll", "check-in", "task", "notice"]);
const isNewer = (item) => item.kind !== "text" && !CARDS.has(item.kind);

/** `face`: the key by which its author is drawn, in a group. `isTold`: its details stand beside it. */
export function message(each, stream, item, { isJoined, line, face, isTold, jump }) {
  const at = ownTime(item);
  const isGone = Boolean(item.gone) || isNewer(item);
  const label = [nameOfAuthor(item, each), face && markOf(item.author, each.number), time(at), item.edited ? t("edit.mark") : "", item.isMine && !isGone ? stateWords(item) : ""].filter(Boolean).join(", ");
  const flags = `${item.isMine ? "own" : ""} ${face ? "faced" : ""} ${isJoined ? "joined" : ""} ${isTold ? "told" : ""} ${stream.flash === item.number ? "flash" : ""} ${item.state?.includes("withdrawn") || isGone ? "withdrawn" : ""}`;
  return html`<article class="message ${flags}" data-number=${item.number} tabindex="-1" aria-label=${label} @keydown=${(event) => keys(event, each, item)}
      @contextmenu=${(event) => { if (!item.entry && !getSelection().toString() && !event.target.closest("a")) messageMenu(event, each, item, focusComposer); }}>
    ${face ? avatar(item.author.label, face, 36) : nothing}
    <div class="line">${bubble(each, stream, item, isGone, { jump, name: face && !isJoined ? html`<bdi class="author tone-${toneOf(face)}">${item.author.label}</bdi>${markBeside(item.author, each.number)}` : nothing })}${item.entry ? nothing : tools(each, item)}</div>
    ${item.reactions?.length && !isGone ? html`<div class="reactions">${item.reactions.map((reaction) => reactionButton(each, item, reaction))}</div>` : nothing}
    ${noteUnder(item)}
    ${line ? html`<div class="under ${line.kind}"><strong>${line.words}</strong>${line.more ? html`<span>· ${line.more}</span>` : nothing}
      ${line.hasNames ? html`<button @click=${() => go(`#/c/${each.number}/details/${item.number}`)}>${t("devices.which")}</button>` : nothing}
      ${item.state === "refused" ? html`<button @click=${() => again(item.entry)}>${t("again")}</button><button @click=${() => giveUp(item.entry)}>${t("close")}</button>` : nothing}</div>` : nothing}
  </article>`;
}

function bubble(each, stream, item, isGone, { jump, name }) {
  const at = ownTime(item);
  if (isGone) return html`<div class="bubble gone">${name}<div class="body"><span class="words">${icon(item.hidden ? "eye-off" : item.gone === "expired" ? "timer" : item.gone === "retracted" ? "trash-2" : "info", 15)} ${goneWords(item, each)}</span><span class="meta">${time(at)}</span></div></div>`;
  if (CARDS.has(item.kind)) return html`<div class="bubble card-bubble">${name}${part("cards")?.card(each, item) ?? html`<span aria-busy="true">${oneLine(item.text)}</span>`}<div class="foot meta">${meta(each, item, at)}</div></div>`;
  const isFolded = !stream.unfolded?.has(item.number) && (item.text.length > FOLDED_CHARACTERS || item.text.split("\n").length > FOLDED_LINES);
  return html`<div class="bubble ${isFolded ? "folded" : ""}">${name}
    ${item.forwarded === undefined || item.forwarded === null ? nothing : html`<div class="forwarded">${icon("forward", 15)}<span>${item.forwarded ? rich("forwarded.by", { name: oneLine(item.forwarded, 64) }) : t("forwarded")}</span></div>`}
    ${item.reply ? quote(each, item.reply, jump) : nothing}
    ${item.files?.length ? part("files")?.filesOf(each, item) ?? html`<span aria-busy="true">${glimpse(item)}</span>` : nothing}
    <div class="body" dir="auto" title=${exact(at)}><span class="words">${body(item.text, { marks: item.marks, mentions: item.mentions, found: stream.found?.get(item.number) })}</span><span class="meta">${meta(each, item, at)}</span></div>
    ${isFolded ? html`<button class="button plain" @click=${() => { (stream.unfolded ??= new Set()).add(item.number); change(); }}>${t("stream.all")}</button>` : nothing}</div>`;
}

const meta = (each, item, at) => html`${item.is_pinned ? html`<span title=${t("pinned")}>${icon("pin", 13)}<span class="unseen">${t("pinned")}</span></span>` : nothing}${item.edited ? html`<span>${t("edit.mark")}</span>` : nothing}${item.timer ? html`<span title=${t("timer.after", { time: lasts(item.timer) })}>${icon("timer", 14)}</span>` : nothing}<span>${time(at)}</span>${item.isMine && each.kind !== "self" ? stateMark(item, false) : nothing}`;

/** What is replied to, as it is known here now. A press leads to it. */
export function quote(each, told, jump) {
  const isHere = told.number > 0;
  const words = !isHere ? t("quote.missing") : told.gone ? goneWords({ ...told, isMine: told.author?.is_mine }, each) : oneLine(told.text, 120) || t("look.file");
  const inner = html`<span class="name">${told.author ? (told.author.is_mine ? t("you") : html`<bdi>${told.author.label}</bdi>${markBeside(told.author, each.number)}`) : nothing}</span><span class="what" dir="auto">${words}</span>`;
  const tone = told.author?.is_mine ? "mine" : "";
  return isHere && jump ? html`<button class="quote ${tone}" tabindex="-1" @click=${() => jump(told.number)}>${inner}</button>` : html`<div class="quote ${tone}">${inner}</div>`;
}

function reactionButton(each, item, { emoji, count, is_mine, who }) {
  const people = who.join(", ");
  return html`<button class="reaction" tabindex="-1" aria-pressed=${is_mine} title=${people} aria-label=${t("react.label", { name: nameOf(emoji), n: count, people })} @click=${doing(() => react(each, item, emoji))}>${pictureOf(emoji)}<span aria-hidden="true">${count}</span></button>`;
}

const tools = (each, item) => html`<div class="tools">
  ${isWhole(item) ? html`<button class="icon-button small" aria-label=${t("menu.reply")} tabindex="-1" @click=${() => reply(each, item, focusComposer)}>${icon("reply", 17)}</button>
    <button class="icon-button small" aria-label=${t("menu.react")} tabindex="-1" @click=${(event) => reactMenu(event, each, item)}>${icon("smile-plus", 17)}</button>` : nothing}
  <button class="icon-button small" aria-label=${t("menu.details")} tabindex="-1" @click=${() => go(`#/c/${each.number}/details/${item.number}`)}>${icon("info", 17)}</button>
  <button class="icon-button small" aria-label=${t("more")} tabindex="-1" @click=${(event) => messageMenu(event, each, item, focusComposer)}>${icon("ellipsis", 17)}</button></div>`;

/** Why it counts no more, though its author did not know. */
export const apartWords = (item) => rich(item.isMine ? "stream.apart.own" : "stream.apart", { name: item.author.label });

/** What is odd about it, or about when it came. */
function noteUnder(item) {
  if (item.is_apart) return html`<div class="under care">${icon("split", 16)}<span>${apartWords(item)}</span></div>`;
  if (item.isMine) return nothing;
  const values = { t: timeOfDay(item.sent), t2: timeOfDay(item.received) };
  if (item.clock) return html`<div class="under care">${icon("clock-alert", 16)}<span>${rich(`stream.clock.${item.clock}`, values)}</span></div>`;
  if (item.is_late) return html`<div class="under care">${icon("history", 16)}<span>${rich("stream.late", values)}</span></div>`;
  if (item.edited && item.edited.received - item.edited.at > SLOW_S) return html`<div class="under"><span>${t("edit.mark")}, ${t("stream.slow", { t2: timeOfDay(item.edited.received) })}</span></div>`;
  if (item.received - item.sent > SLOW_S) return html`<div class="under"><span>${t("stream.slow", values)}</span></div>`;
  return nothing;
}

const LETTERS = {
  r: (event, each, item) => reply(each, item, focusComposer),
  e: (event, each, item) => reactMenu(event, each, item),
  i: (event, each, item) => go(`#/c/${each.number}/details/${item.number}`),
  w: (event, each, item) => (canWithdraw(item) ? askWithdraw(item) : askDelete(each, item)),
  c: (event, each, item) => item.text && doing(() => copyText(item.text))(),
  delete: (event, each, item) => askDelete(each, item),
  " ": (event, each, item) => ready("files")?.toggleVoice(item),
};

function keys(event, each, item) {
  if (event.target !== event.currentTarget || event.ctrlKey || event.altKey || event.metaKey || item.entry) return;
  const letter = event.key.toLowerCase();
  if (event.key === "Enter") go(`#/c/${each.number}/details/${item.number}`);
  else if (event.key === "F10" && event.shiftKey) messageMenu(event, each, item, focusComposer);
  else if (state.preferences.letters && LETTERS[letter]) LETTERS[letter](event, each, item);
  else return;
  event.preventDefault();
}

/** The last own message that can still be changed; false where there is none. */
export function editLast(each, items) {
  const last = items.filter((item) => item.isMine && !item.entry && !item.gone && item.kind === "text").at(-1);
  if (!last) return false;
  edit(each, last, focusComposer);
  return state.modes.has(each.number);
}
