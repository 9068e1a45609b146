// Rows of settings: a switch, a choice, a value. Only parts that come late show them.
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { doing } from "./dom.js";
import { SIZES } from "./times.js";

/** A row of settings with a switch that is saved at once. */
export const switchRow = ({ title, line, on, set, id }) => html`<div class="setting">
  <label class="grow" for=${`${id}-switch`}><span class="title" id=${id}>${title}</span>${line ? html`<span class="line">${line}</span>` : nothing}</label>
  <button type="button" id=${`${id}-switch`} class="switch" role="switch" aria-checked=${on} aria-labelledby=${id} @click=${doing(() => set(!on))}></button></div>`;

export const choiceRow = ({ title, line, value, options, set, id }) => html`<div class="setting">
  <label class="grow" for=${id}><span class="title">${title}</span>${line ? html`<span class="line">${line}</span>` : nothing}</label>
  <select id=${id} @change=${(event) => set(event.target.value)}>${options.map(([key, label]) => html`<option value=${key} ?selected=${String(key) === String(value)}>${label}</option>`)}</select></div>`;

export const valueRow = (title, value, line) => html`<div class="setting"><span class="grow"><span class="title">${title}</span>${line ? html`<span class="line">${line}</span>` : nothing}</span><span class="value">${value}</span></div>`;

/** A number of bytes as it is written into a field: in the greatest unit in which two decimals lose nothing. */
export function exactBytes(count) {
  let unit = SIZES.length - 1;
  while (unit && (count < 1024 ** unit || !Number.isInteger((count / 1024 ** unit) * 100))) unit -= 1;
  return `${count / 1024 ** unit} ${SIZES[unit]}`;
}

/** The number of bytes that somebody wrote, with a point or a comma; NaN if it is none. */
export function bytesOf(text) {
  const [, number, unit] = text.trim().match(/^(\d+(?:[.,]\d+)?)\s*([KMGT]?i?B?)$/i) ?? [];
  const power = SIZES.findIndex((each) => each[0] === (unit || "B")[0].toUpperCase());
  return number ? Math.round(Number(number.replace(",", ".")) * 1024 ** power) : NaN;
}
