// Where the page seeks: the search itself comes when it is first used (screens/search.js).
import { fetchPart } from "./later.js";
import { change, state } from "./state.js";

/** Seek in one conversation, or (0) in all, among people and commands too. `state.search` stays until it is closed. */
export function openSearch(conversation = 0) {
  const former = state.search;
  state.search = { text: former?.text ?? "", conversation, hits: [], hasMore: false, problem: null, busy: false, sought: "", at: -1, isFront: true, returnTo: former?.returnTo ?? document.activeElement };
  fetchPart("search").then((search) => { search.seek(); change(() => document.querySelector(".search-field input")?.select()); }, () => {});
}

export function closeSearch() {
  const { returnTo } = state.search ?? {};
  for (const stream of state.streams.values()) stream.found = null;
  state.search = null;
  change(() => returnTo?.isConnected && returnTo.focus());
}
