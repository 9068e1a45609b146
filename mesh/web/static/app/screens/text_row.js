// A row of settings with a field: it is saved with Enter, and when one goes on.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { doing, toast } from "../dom.js";
import { t } from "../words.js";
import "../words_more.js";

/** `set(words)` saves; what it refuses gives way to what holds. */
export function textRow({ id, title, line, value, set, length, isFixed = false }) {
  const save = async ({ target }) => {
    const field = target.querySelector("input");
    // Enter tells of the change, and then of itself: the second is none.
    const over = new Promise((then) => setTimeout(then));
    try {
      await set(field.value);
      toast(t("saved"));
    } catch (problem) {
      field.value = value;
      throw problem;
    } finally { await over; }
  };
  return html`<form class="setting" @submit=${doing(save)}>
    <label class="grow" for=${id}><span class="title">${title}</span><span class="line">${line}</span></label><input type="text" id=${id} dir="auto" maxlength=${length ?? nothing} .value=${value} ?disabled=${isFixed} @change=${({ target }) => target.form.requestSubmit()}></form>`;
}
