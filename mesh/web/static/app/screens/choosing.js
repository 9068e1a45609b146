// The system's question for files, asked within the stroke that wants it: a browser lets it come for a few seconds only.
import { isClosed } from "../acts.js";
import { doing } from "../dom.js";
import { fetchPart } from "../later.js";
import { focusComposer } from "./composer.js";

// Held here: a field that nobody holds is thrown away while somebody still chooses, and with it what is chosen.
let asking = null;

/** Ask the system for files. */
export function chooseFiles(each) {
  if (!each || isClosed(each)) return;
  asking = Object.assign(document.createElement("input"), { type: "file", multiple: true });
  asking.onchange = (event) => { const chosen = [...event.target.files]; doing(async () => (await fetchPart("attach")).attach(each, chosen))(); };
  asking.oncancel = focusComposer;
  asking.click();
}
