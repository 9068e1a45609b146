// The beginning: what is shown follows from where the node stands and where the person is.
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { failure } from "./dom.js";
import { fetchAll, isStuck, part } from "./later.js";
import { loadPreferences } from "./preferences.js";
import { startRouting } from "./router.js";
import "./roving.js";
import { begin, change, state } from "./state.js";
import { start } from "./sync.js";
import { begin as beginView, chatList } from "./screens/chats.js";
import { startingPage } from "./screens/alone.js";
import { topBanner } from "./screens/banners.js";
import { conversationPart } from "./screens/conversation.js";
import { callsForHelp, emptyState, frame, unreadChats } from "./screens/frame.js";
import { listenToKeys } from "./screens/keys.js";
import { t } from "./words.js";

const MINUTE_MS = 60_000;
const SECOND_MS = 1000;
let tick = 0;

/** Draw again when what is shown grows older: each minute, or second where seconds are counted. */
function drawLater() {
  clearTimeout(tick);
  const isCounting = state.silentSince || (state.phase === "locked" && part("start")?.isWaiting());
  tick = setTimeout(change, isCounting ? SECOND_MS : Math.max(SECOND_MS, MINUTE_MS - Date.now() % MINUTE_MS));
}

function page() {
  drawLater();
  const waiting = state.phase === "ready" ? unreadChats() : 0;
  const calling = state.phase === "ready" ? callsForHelp() : 0;
  document.title = `${waiting ? `(${waiting}) ` : ""}${calling ? `${t("chats.help", { n: calling })} · ` : ""}${t("app.name")}`;
  if (state.phase === "ready") return ready();
  return part("start")?.PHASES[state.phase]?.() ?? startingPage(isStuck("start") ? loadAgain() : nothing);
}

const loadAgain = () => failure({ type: "silent" }, () => location.reload());

/** The search stands where a list else does, in all sections. */
function withSearch(parts) {
  if (!state.search) return frame(parts);
  const view = part("search");
  const list = view ? view.searchList() : html`<div role="status" aria-busy="true" aria-label=${t("loading")}></div>`;
  return frame({ ...parts, list, shown: state.search.isFront ? "list" : parts.shown });
}

function ready() {
  const { section, parts } = state.route;
  if (section === "chats") return withSearch(chats());
  const shown = parts.length > 0 || section === "network" ? "middle" : "list";
  const view = part(section);
  if (!view) return withSearch({ middle: isStuck(section) ? loadAgain() : emptyState("", t("loading")), shown });
  return withSearch({ list: view.list?.(), middle: html`${topBanner()}${view.page()}`, shown });
}

function chats() {
  const { conversation, parts } = state.route;
  // Where there is one column, who has nobody and no notes sees the ways to begin.
  const isNew = state.listed && !state.listFailed && !state.contacts.size && [...state.conversations.values()].every((each) => each.kind === "self" && !each.last_item);
  if (!conversation) return { list: chatList(), middle: html`${topBanner()}${beginView()}`, shown: isNew ? "middle" : "list", isNew };
  const each = state.conversations.get(conversation);
  if (!each) return { list: chatList(), middle: emptyState("", state.listed ? t("err.not-found") : t("loading")), shown: "middle" };
  const [panel, number] = parts;
  const details = panel === "details" ? part("details")?.messagePanel(each, Number(number)) : panel === "group" && each.kind === "group" ? part("groups")?.groupPanel(each) : panel === "person" && each.contact ? part("details")?.personPanel(each.contact, `#/c/${conversation}`) : null;
  return { list: chatList(), middle: conversationPart(each), details, shown: details ? "details" : "middle", label: each.title };
}

// A caret costs twice what all else of an idle page does: it is drawn anew each time it blinks.
const CARET_MS = 10_000;
let resting = 0;

function blink() {
  const { dataset } = document.documentElement;
  if (dataset.caret) delete dataset.caret;
  clearTimeout(resting);
  resting = setTimeout(() => { dataset.caret = "still"; }, CARET_MS);
}

for (const kind of ["keydown", "pointerdown", "focusin"]) addEventListener(kind, blink, { passive: true, capture: true });

loadPreferences();
startRouting();
listenToKeys();
begin(document.querySelector("#page"), page);
start();
addEventListener("load", () => setTimeout(fetchAll, 1500));
