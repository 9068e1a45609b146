// Dialogs, menus, toasts, switches: small things that every screen uses.
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { icon } from "./icons.js";
import { change, state } from "./state.js";
import { t, told } from "./words.js";

/** Run what a button began, once at a time; what fails is told where the person looks. A button that is called otherwise meanwhile is another one. */
export const doing = (work) => async (event) => {
  if (event?.type === "submit") event.preventDefault();
  const button = event?.currentTarget, name = button?.ariaLabel || "1";
  if (button?.dataset?.busy === name) return;
  if (button?.dataset) button.dataset.busy = name;
  try { await work(event); } catch (problem) { failed(problem); } finally {
    if (button?.dataset?.busy === name) delete button.dataset.busy;
    change();
  }
};

/** Tell a failure in a dialog, above one that is open: an error never hides in a toast. */
export function failed(problem, values) {
  if (problem?.type === "cancelled") return;
  if (problem?.type === undefined) console.error(problem);
  const top = state.dialog;
  openDialog({ under: top?.under === undefined ? top : top.under, title: t("failed"), body: html`<p>${told(problem?.type ? problem : { type: "internal" }, values)}</p>`, safe: t("close") });
}

/** A dialog: `title`, `body`, the words of the `safe` button, of what `acts`, with `act()`, and of what one can `also` do: `{ words, act }`. */
export function openDialog(dialog) {
  state.menu = null;
  const from = document.activeElement;
  const former = dialog.under && dialog.under === state.dialog ? null : state.dialog;
  for (let each = former; each && each !== dialog.under; each = each.under) each.closed?.();
  state.dialog = { at: location.href, returnTo: former ? former.returnTo : from?.closest(".menu") ? lastOpener : from, ...dialog };
  // One in the place of another is the same element, and would leave the focus nowhere.
  change(() => former && refocus());
}

const refocus = () => [...document.querySelectorAll("dialog [autofocus]")].at(-1)?.focus();

export function closeDialog() {
  const { returnTo, closed, under = null } = state.dialog ?? {};
  state.dialog = under;
  change(() => returnTo?.isConnected && returnTo.focus());
  closed?.();
}

/** Where somebody is, before a wait. Called after it, closes the dialog that was open and says whether they are there still. */
export function here() {
  const { dialog, search, locks } = state, { hash } = location;
  return () => {
    if (state.locks !== locks) return false;
    for (let each = state.dialog; dialog && each; each = each.under) if (each.under === dialog) Object.assign(each, { under: dialog.under, returnTo: dialog.returnTo }), change(refocus);
    if (state.dialog !== dialog) return false;
    if (dialog) closeDialog();
    return location.hash === hash && state.search === search && !state.menu;
  };
}

/** Ask before something is done; resolves to whether it shall. */
export const confirm = ({ title, body, yes, danger = true }) => new Promise((resolve) => {
  openDialog({ title, body, safe: t("cancel"), acts: yes, danger, act: () => { state.dialog.closed = null; closeDialog(); resolve(true); }, closed: () => resolve(false) });
});

// An element is told of before it stands in the page.
const shown = (element) => queueMicrotask(() => { if (!element?.isConnected || element.open) return;
  element.showModal();
  // One reads from above; the focus stays in view.
  element.scrollTop = 0;
  document.activeElement.scrollIntoView({ block: "nearest" });
});

export function dialogView() {
  const open = [];
  for (let each = state.dialog; each; each = each.under) open.unshift(each);
  return open.map(view);
}

function view(dialog, place) {
  const title = `dialog-title${place}`;
  return html`<dialog class="dialog ${dialog.look ?? (dialog.broad ? "broad" : "")}" aria-labelledby=${title} ${ref(shown)}
      @cancel=${(event) => { event.preventDefault(); closeDialog(); }}
      @click=${(event) => { if (event.target === event.currentTarget && !dialog.modal) closeDialog(); }}>
    <div class="stack">
      <h2 id=${title}>${dialog.title}</h2>
      ${typeof dialog.body === "function" ? dialog.body() : dialog.body}
      ${dialog.safe || dialog.acts ? html`<div class="buttons end">
        ${dialog.safe ? html`<button class="button big" autofocus @click=${closeDialog}>${dialog.safe}</button>` : nothing}
        ${dialog.also ? html`<button class="button big" @click=${doing(dialog.also.act)}>${dialog.also.words}</button>` : nothing}
        ${dialog.acts ? html`<button class="button big main ${dialog.danger ? "danger" : ""}" @click=${doing(dialog.act)}>${dialog.acts}</button>` : nothing}
      </div>` : nothing}
    </div>
  </dialog>`;
}

/** Open a menu at the element that was pressed. `entries`: [icon, words, act, kind, line]; `signs`: a row above of { name, picture, isOn, act }. */
export function openMenu(event, entries, signs = []) {
  event.preventDefault?.();
  event.stopPropagation?.();
  const opener = event.currentTarget;
  const box = opener.getBoundingClientRect();
  const at = event.type === "contextmenu" && event.clientX ? { x: event.clientX, y: event.clientY, w: 0, h: 0 } : { x: box.left, y: box.top, w: box.width, h: box.height };
  state.menu = { entries: entries.filter(Boolean), signs, at, opener };
  change();
}

let lastOpener = null;

/** Close the menu; the focus goes back to where it was opened, unless what was chosen has taken it. */
export function closeMenu() {
  const opener = lastOpener = state.menu?.opener;
  state.menu = null;
  change(() => document.activeElement === document.body && opener?.isConnected && opener.focus());
}

const SHEET = matchMedia("(max-width: 37.49em)");
const placed = (element) => queueMicrotask(() => { if (element?.isConnected && state.menu && !element.matches(":popover-open")) place(element); });

function place(element) {
  element.showPopover();
  element.querySelector("button")?.focus();
  // On a phone it comes from below, as a sheet.
  if (SHEET.matches) return;
  const { x, y, w, h } = state.menu.at;
  const box = element.getBoundingClientRect();
  const left = Math.max(8, Math.min(x + w - box.width > 8 && getComputedStyle(element).direction !== "rtl" ? x + w - box.width : x, innerWidth - box.width - 8));
  const top = y + h + box.height + 8 > innerHeight ? Math.max(8, y - box.height) : y + h;
  element.style.setProperty("left", `${left}px`);
  element.style.setProperty("top", `${top}px`);
}

function menuKeys(event) {
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const place = buttons.indexOf(document.activeElement);
  const to = { ArrowDown: place + 1, ArrowUp: place - 1, ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  buttons[(to + buttons.length) % buttons.length].focus();
}

export function menuView() {
  const menu = state.menu;
  if (!menu) return nothing;
  return html`<div class="menu" role="menu" popover="auto" ${ref(placed)} @keydown=${menuKeys}
      @toggle=${(event) => { if (event.newState === "closed" && state.menu === menu) closeMenu(); }}>
    ${menu.signs.length ? html`<div class="signs" role="none">${menu.signs.map(({ name, picture, isOn, act }) => html`<button role="menuitemcheckbox" aria-checked=${isOn} aria-label=${name} title=${name}
      @click=${() => { closeMenu(); doing(act)({}); }}>${picture}</button>`)}</div>` : nothing}
    ${menu.entries.map(([name, label, act, kind = "", line = ""]) => html`<button role="menuitem" class=${kind}
      @click=${() => { closeMenu(); doing(act)({}); }}>${icon(name, 18)}${line ? html`<span>${label}<span class="line">${line}</span></span>` : label}</button>`)}
  </div>`;
}

export function toast(text, undo) {
  const made = { text, undo };
  state.toasts.push(made);
  const drop = () => {
    if (document.activeElement?.closest?.(".toast")) { setTimeout(drop, 1000); return; }
    state.toasts = state.toasts.filter((other) => other !== made);
    change();
  };
  setTimeout(drop, 6000);
  change();
}

export const toastsView = () => html`<div class="toasts" role="status">${state.toasts.map((made) => html`<div class="toast"><span>${made.text}</span>
  ${made.undo ? html`<button class="button plain" @click=${doing(async () => { state.toasts = state.toasts.filter((other) => other !== made); await made.undo(); })}>${t("undo")}</button>` : nothing}</div>`)}</div>`;

// The same words again are read out again only where something changes.
export const announce = (text) => { state.announcement = state.announcement === text ? `${text}\u00a0` : text; change(); };

export const failure = (problem, again) => html`<div class="failed" role="alert">${icon("circle-alert", 18)}<span>${told(problem)}</span><button class="button" @click=${again}>${t("again")}</button></div>`;

export async function copyText(text) {
  await navigator.clipboard.writeText(text);
  toast(t("copied"));
}
