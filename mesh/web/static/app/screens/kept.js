// [16] The files and pictures of one conversation, beside it: the newest first, page by page.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { get } from "../api.js";
import { doing, failure } from "../dom.js";
import { icon } from "../icons.js";
import { go, onArrival } from "../router.js";
import { change, onForget, state } from "../state.js";
import { exact, timeOfDay } from "../times.js";
import { t } from "../words.js";
import { card } from "./files.js";
import { nameOfAuthor } from "./message.js";
import { forgetPictures, isShown, picturesOf, seen } from "./pictures.js";

const PAGE = 30;

/** What is shown, of one conversation: { conversation, items, next, busy, isStale, problem, of }. */
let list = null;
onForget(() => { list = null; });

const asItem = (told) => ({ ...told, isMine: told.author.is_mine });
const holds = (item) => item.files.length > 0 && !item.gone;

/** Ask for the newest, or with `next` for the page behind what is shown. */
async function load(conversation, next = 0) {
  if (list?.conversation !== conversation) list = { conversation, items: [], next: 0 };
  const asked = list;
  if (asked.busy) { asked.isStale = true; return; }
  Object.assign(asked, { busy: true, isStale: false, problem: null, of: state.identity });
  try {
    const { items, next_before } = await get(`/v1/conversations/${conversation}/files`, { before: next || undefined, limit: PAGE });
    const known = new Set(next ? asked.items.map(({ number }) => number) : []);
    asked.items = [...(next ? asked.items : []), ...items.filter(({ number }) => !known.has(number)).map(asItem)];
    asked.next = next_before;
  } catch (problem) { asked.problem = problem; }
  asked.busy = false;
  change();
  // What was told meanwhile may be newer than the answer.
  if (asked.isStale && asked === list) load(conversation);
}

/** Something happened: what is shown of it changes with it. */
export function takeEvent({ type, item, file, conversation, number }) {
  if (type === "item-gone" || item?.gone) forgetPictures(item?.number ?? number);
  if (!list) return;
  if (type === "item-added" || type === "item-changed") {
    if (item.conversation !== list.conversation) return;
    const isKnown = list.items.some((one) => one.number === item.number);
    if (!isKnown && !holds(item)) return;
    list.items = list.items.filter((one) => one.number !== item.number);
    // What stands further back comes with its page.
    if (holds(item) && (isKnown || item.number >= list.next)) list.items = [...list.items, asItem(item)].sort((a, b) => b.number - a.number);
  } else if (type === "file-changed") list.items = list.items.map((one) => (one.number === file.item ? { ...one, files: one.files.map((other) => (other.number === file.number ? file : other)) } : one));
  else if (type === "item-gone" && conversation === list.conversation) list.items = list.items.filter((one) => one.number !== number);
  else if (type === "conversation-emptied" && conversation.number === list.conversation) Object.assign(list, { items: [], next: 0 });
  else return;
  if (list.busy) list.isStale = true;
}

/** The viewer goes on in the order of the conversation. */
const pictures = () => picturesOf([...(list?.items ?? [])].reverse());

/** One file, with the way to its message. */
function entry(each, item, file) {
  const isPicture = file.look === "picture" && isShown(file);
  const place = `#/c/${each.number}/m/${item.number}`;
  const keys = (event) => { if (event.key === "Enter" && event.target === event.currentTarget) { event.preventDefault(); go(place); } };
  return html`<li class="kept" @keydown=${keys}>${card(each, item, file, isPicture ? seen(each, item, file, pictures) : undefined)}
    <a class="small" href=${place}>${icon("message-circle", 15)}<span><span class="unseen">${t("kept.message")}: </span><bdi>${nameOfAuthor(item, each)}</bdi> · <time title=${exact(item.sent)}>${timeOfDay(item.sent)}</time></span></a></li>`;
}

/** The panel beside a conversation. */
export function filesPanel(each) {
  const back = `#/c/${each.number}/${state.route.parts[0]}`;
  // After a silence nobody was told of what came in it.
  if (list?.conversation !== each.number || (list.of !== state.identity && !list.busy)) load(each.number);
  const { items, next, busy, problem } = list;
  const files = items.flatMap((item) => item.files.map((file) => ({ item, file })));
  return html`<header class="header"><a class="icon-button" href=${back} aria-label=${t("back")}>${icon("arrow-left", 21)}</a><h2>${t("kept.title")}</h2><a class="icon-button" href=${`#/c/${each.number}`} aria-label=${t("close")} data-close>${icon("x", 21)}</a></header>
    <div class="scroll" tabindex="0"><div class="panel-body">
      ${files.length ? html`<ul class="kept-list" aria-label=${t("kept.title")} data-rows=".kept">${repeat(files, ({ file }) => file.number, ({ item, file }) => entry(each, item, file))}</ul>` : nothing}
      ${problem ? failure(problem, () => load(each.number)) : nothing}
      ${files.length || busy || problem || next ? nothing : html`<p class="small">${t("kept.none")}</p>`}
      ${busy && !files.length ? html`<p role="status">${t("loading")}</p>` : nothing}
      ${next ? html`<button class="button plain" ?disabled=${busy} @click=${doing(() => load(each.number, next))}>${t("more")}</button>` : nothing}</div></div>`;
}

onArrival(({ conversation, parts }) => {
  if (!conversation || parts[1] !== "files") { list = null; return; }
  load(conversation);
  change(() => document.querySelector(".details .header a")?.focus());
});
