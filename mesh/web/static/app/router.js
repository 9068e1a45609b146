// Where one is: the part of the address behind `#`.
import { closeDialog } from "./dom.js";
import { change, state } from "./state.js";

export function parse(hash) {
  const [section = "chats", ...parts] = hash.replace(/^#\/?/, "").split("/").map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  const isConversation = section === "c";
  return { section: ["people", "network", "settings"].includes(section) ? section : "chats", conversation: isConversation ? Number(parts[0]) || 0 : 0, parts: isConversation ? parts.slice(1) : parts };
}

export const go = (hash) => {
  if (location.hash === hash) { arrived(); return; }
  while (state.dialog) closeDialog();
  location.hash = hash;
};
export const replace = (hash) => { history.replaceState(null, "", hash); arrived(); };

const listeners = [];
export const onArrival = (listener) => listeners.push(listener);

/** Tell everybody again where one is: for who came later. */
export const arriveAgain = () => arrived();

function arrived() {
  state.route = parse(location.hash);
  state.menu = null;
  for (const listener of listeners) listener(state.route);
  change();
}

// Back closes what lies on top and stays: nobody writes above a chat they do not see.
function moved() {
  const { at = location.href } = state.dialog ?? {};
  if (at === location.href) return arrived();
  history.pushState(null, "", at);
  closeDialog();
}

export function startRouting() {
  addEventListener("hashchange", moved);
  state.route = parse(location.hash);
}
