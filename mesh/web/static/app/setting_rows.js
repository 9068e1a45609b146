// Rows of settings: a switch, a choice, a value. Only parts that come late show them.
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { doing } from "./dom.js";

/** A row of settings with a switch that is saved at once. */
export const switchRow = ({ title, line, on, set, id }) => html`<div class="setting">
  <span class="grow"><span class="title" id=${id}>${title}</span>${line ? html`<span class="line">${line}</span>` : nothing}</span>
  <button type="button" class="switch" role="switch" aria-checked=${on} aria-labelledby=${id} @click=${doing(() => set(!on))}></button></div>`;

export const choiceRow = ({ title, line, value, options, set, id }) => html`<div class="setting">
  <label class="grow" for=${id}><span class="title">${title}</span>${line ? html`<span class="line">${line}</span>` : nothing}</label>
  <select id=${id} @change=${(event) => set(event.target.value)}>${options.map(([key, label]) => html`<option value=${key} ?selected=${String(key) === String(value)}>${label}</option>`)}</select></div>`;

export const valueRow = (title, value, line) => html`<div class="setting"><span class="grow"><span class="title">${title}</span>${line ? html`<span class="line">${line}</span>` : nothing}</span><span class="value">${value}</span></div>`;
