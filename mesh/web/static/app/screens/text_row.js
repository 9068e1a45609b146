// A row of settings with a field: it is saved with Enter, and when one goes on.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { doing, toast } from "../dom.js";
import { t } from "../words.js";
import "../words_more.js";

/** What is for a moment only, and says nothing of the words. */
const PASSING = ["silent", "timeout", "busy", "stopping", "storage", "no-room", "cancelled"];

/** `set(words)` saves; what it refuses gives way to what holds, and what did not get there stays. */
export function textRow({ id, title, line, value, set, length, isFixed = false }) {
  const save = async ({ target }) => {
    const field = target.querySelector("input");
    // Enter tells of the change, and then of itself: the second is none.
    const over = new Promise((then) => setTimeout(then));
    let words = field.value;
    try {
      // What is changed while it is saved is saved after it.
      for (;;) {
        delete field.dataset.changed;
        await set(words);
        if (!("changed" in field.dataset)) break;
        words = field.dataset.changed;
      }
      toast(t("saved"));
    } catch (problem) {
      if (!PASSING.includes(problem.type)) field.value = value;
      throw problem;
    } finally { await over; }
  };
  return html`<form class="setting" @submit=${doing(save)}>
    <label class="grow" for=${id}><span class="title">${title}</span><span class="line">${line}</span></label><input type="text" id=${id} dir="auto" maxlength=${length ?? nothing} .value=${value} ?disabled=${isFixed} @change=${({ target }) => { target.dataset.changed = target.value; target.form.requestSubmit(); }}></form>`;
}
