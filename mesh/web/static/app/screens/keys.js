// [25] The keyboard: what works everywhere.
import { opener } from "../acts.js";
import { closeMenu, doing } from "../dom.js";
import { modeOf, setMode } from "../outbox.js";
import { go } from "../router.js";
import { closeSearch, openSearch } from "../seeking.js";
import { state } from "../state.js";
import { listed } from "./chats.js";
import { chooseFiles } from "./choosing.js";
import { focusComposer } from "./composer.js";
import { lockNow } from "./frame.js";

const openKeys = doing(opener("all_keys", "openKeys"));

const isTyping = (element) => element?.matches?.("input, textarea, select");

export function listenToKeys() {
  addEventListener("keydown", (event) => {
    if (state.phase !== "ready" || event.defaultPrevented) return;
    if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "l") { event.preventDefault(); doing(lockNow)(); return; }
    if (state.dialog) return;
    const act = bound(event);
    if (act) { event.preventDefault(); act(); }
  });
}

/** What a stroke does here; nothing where it means what it always does. */
function bound(event) {
  const { key } = event;
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && key.toLowerCase() === "k") return () => openSearch();
  // A second time, from the field, it is the browser's own.
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && key.toLowerCase() === "f" && state.route.conversation && !event.target.matches?.(".list .search-field input")) return () => openSearch(state.route.conversation);
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && key.toLowerCase() === "u" && document.querySelector(".composer")) return () => chooseFiles(state.conversations.get(state.route.conversation));
  if (key === "F6") return () => nextPart(event.shiftKey ? -1 : 1);
  if (event.altKey && (key === "ArrowUp" || key === "ArrowDown")) return () => nextChat(key === "ArrowUp" ? -1 : 1, event.shiftKey);
  if (key === "?" && !isTyping(event.target)) return openKeys;
  if (key === "Escape") return escape;
  return null;
}

function nextPart(direction) {
  const parts = [...document.querySelectorAll("[data-part]")].filter((part) => part.offsetParent !== null);
  const at = parts.findIndex((part) => part.contains(document.activeElement));
  parts[(at + direction + parts.length) % parts.length]?.focus();
}

function nextChat(direction, isUnreadOnly) {
  const all = listed();
  const at = all.findIndex((each) => each.number === state.route.conversation);
  for (let step = 1; step <= all.length; step += 1) {
    const each = all[(at + direction * step + all.length * 2) % all.length];
    if (!isUnreadOnly || each.unread_count || each.is_marked_unread) { go(`#/c/${each.number}`); return; }
  }
}

/** Closes the topmost thing; never clears what was typed. */
function escape() {
  if (state.menu) { closeMenu(); return; }
  const { conversation, parts, section } = state.route;
  if (modeOf(conversation)) { setMode(conversation, null); focusComposer(); return; }
  if (state.search) { closeSearch(); return; }
  if (conversation && parts[0] && parts[0] !== "m") { go(`#/c/${conversation}`); return; }
  if (conversation) { document.querySelector(".list .row[aria-current]")?.focus(); if (matchMedia("(max-width: 56.19em)").matches) go("#/chats"); return; }
  if (parts[0] && section !== "network") go(`#/${section}`);
}
