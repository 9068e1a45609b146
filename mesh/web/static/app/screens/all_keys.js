// [25] The list of what the keyboard does.
import { html } from "../../vendor/lit-html/lit-html.js";
import { openDialog } from "../dom.js";
import { t } from "../words.js";
import "../words_more.js";

const LIST = [["keys.jump", "Ctrl", "K"], ["keys.here", "Ctrl", "F"], ["keys.chats", "Alt", "↑ ↓"], ["keys.unread", "Alt", "Shift", "↑ ↓"], ["keys.send", "Enter"], ["keys.line", "Shift", "Enter"], ["keys.edit", "↑"], ["keys.attach", "Ctrl", "U"], ["keys.messages", "Shift", "Tab"], ["keys.rows", "↑ ↓"], ["keys.ends", "Home End"], ["keys.reply", "R"], ["keys.react", "E"], ["keys.details", "I"], ["keys.withdraw", "W"], ["keys.copy", "C"], ["keys.delete", "Delete"], ["keys.part", "F6"], ["keys.lock", "Ctrl", "Shift", "L"], ["keys.close", "Esc"], ["keys.all", "?"]];

export const openKeys = () => openDialog({
  title: t("keys.title"), broad: true, safe: t("close"),
  body: html`<dl class="keys">${LIST.map(([key, ...strokes]) => html`<div><dt>${t(key)}</dt><dd>${strokes.map((stroke) => html`<kbd>${stroke}</kbd>`)}</dd></div>`)}</dl><p class="small">${t("keys.foot")}</p><p class="small">${t("keys.marks")}</p>`,
});
