// One tab stop a list: arrows, Home and End lead among its items, and Tab past them.
import { aroundDrawing } from "./state.js";

const WITHIN = ":is(a,button,input,select,textarea,audio,video):not([tabindex='-1'])";
const stops = new WeakMap();
const itemsOf = (list) => [...list.querySelectorAll(list.dataset.rows)];

/** The stop is where the focus is, else where it was, unless something newer came. */
function rove(list) {
  const items = itemsOf(list);
  const focused = items.find((item) => item.contains(document.activeElement));
  const home = list.matches(".stream") ? items.at(-1) : items.find((item) => item.ariaCurrent);
  const known = stops.get(list);
  const stop = focused ?? (known && known.home === home && items.includes(known.stop) ? known.stop : home ?? items[0]);
  stops.set(list, { home, stop });
  for (const item of items) if (item.getAttribute("tabindex") !== (item === stop ? "0" : "-1")) item.tabIndex = item === stop ? 0 : -1;
  // What stands in a message is reached from it alone.
  for (const one of list.querySelectorAll(`:is(${list.dataset.rows}) ${WITHIN}`)) if (!focused?.contains(one)) { one.tabIndex = -1; one.dataset.off = ""; }
  for (const one of focused?.querySelectorAll("[data-off]") ?? []) { one.removeAttribute("tabindex"); delete one.dataset.off; }
}

const roveAll = () => document.querySelectorAll("[data-rows]").forEach(rove);
let held = [];
// A row that moves loses the focus, and so does one whose button goes when it is pressed.
aroundDrawing(() => {
  const focused = document.activeElement;
  const list = focused?.closest("[data-rows]");
  held = [focused, list && focused.closest(`:is(${list.dataset.rows})`)];
}, () => {
  if (document.activeElement === document.body) held.find((one) => one?.isConnected)?.focus({ preventScroll: true });
  roveAll();
});
addEventListener("focusin", roveAll);
// A click on empty ground leaves a message, too.
addEventListener("focusout", ({ relatedTarget }) => { if (!relatedTarget) queueMicrotask(roveAll); });

addEventListener("keydown", (event) => {
  const list = event.target.closest?.("[data-rows]");
  if (!list || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, select, textarea")) return;
  const items = itemsOf(list);
  const place = items.findIndex((item) => item.contains(event.target));
  // From what stands in a card the arrows lead back to the card first.
  const to = { ArrowDown: place + 1, ArrowUp: items[place] === event.target ? place - 1 : place, Home: 0, End: items.length - 1 }[event.key];
  const target = items[to] ?? (list.matches(".stream") && to === items.length ? document.querySelector(".composer textarea") : null);
  if (place < 0 || !target) return;
  event.preventDefault();
  target.focus();
});
