// What is asked before something is done with a message: deleting, forwarding, another reaction, the timer.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { react, tell } from "../acts.js";
import { ask, post } from "../api.js";
import { closeDialog, here, openDialog, toast } from "../dom.js";
import { canChange, groupOf, may } from "../groups.js";
import { fetchPart } from "../later.js";
import { change, state } from "../state.js";
import { takeGone, taking } from "../stream.js";
import { lasts } from "../times.js";
import { rich, t } from "../words.js";
import "../words_more.js";
import { listed, pictureOf, titleOf } from "./chats.js";
import { nameOfAuthor } from "./message.js";

/** The dialog closes when it is done: what fails is told above it, and what was chosen stays. */
const then = (work) => async () => { const isHere = here(); await work(); isHere(); };

export function askDelete(each, item) {
  const isForAll = item.isMine && !item.gone && each.kind !== "self" && each.reads !== 1 && canChange(each);
  openDialog({
    title: t("delete.title"), safe: t("cancel"), danger: true, broad: true,
    body: html`<p>${t("delete.me.means")}</p>${isForAll ? html`<p>${t("delete.all.means")}</p>` : nothing}`,
    also: isForAll ? { words: t("delete.me"), act: then(() => forMe(item)) } : null,
    acts: t(isForAll ? "delete.all" : "delete.me"),
    act: then(isForAll ? () => tell(item, "retract") : () => forMe(item)),
  });
}

async function forMe(item) {
  await post(`/v1/items/${item.number}/forget`);
  takeGone(item.conversation, item.number, "forgotten");
  toast(t("delete.me.done"));
}

export const askWithdraw = (item) => openDialog({
  title: t("withdraw.title"), safe: t("cancel"), danger: true, body: html`<p>${t("withdraw.ask")}</p>`,
  acts: t("details.withdraw"), act: then(() => post(`/v1/messages/${item.number}/withdraw`)),
});

/** An admin of a group hides what others wrote, for all. */
export const askHide = (item) => openDialog({
  title: t("hide.ask"), safe: t("cancel"), danger: true, body: html`<p>${t("hide.means")}</p>`,
  acts: t("menu.hide"), act: then(() => tell(item, "hide", { is_on: true })),
});

export function askForward(each, item) {
  const chosen = new Set();
  let saysAuthor = false;
  // What somebody forwarded stays theirs whose words they are.
  const author = item.forwarded || (item.isMine ? state.identity.name : nameOfAuthor(item, each));
  const chats = listed().filter((other) => !other.is_archived && other.reads !== 1 && (other.kind !== "group" || may(groupOf(other.number), "write")));
  const key = crypto.randomUUID();
  openDialog({
    title: t("forward.title"), safe: t("cancel"), acts: t("menu.forward"),
    body: () => html`<fieldset class="choose"><legend class="unseen">${t("forward.title")}</legend>${chats.map((other) => html`
      <label class="row short"><input type="checkbox" .checked=${chosen.has(other.number)} @change=${(event) => { event.target.checked ? chosen.add(other.number) : chosen.delete(other.number); change(); }}>${pictureOf(other, 36)}<span class="text name"><bdi>${titleOf(other)}</bdi></span></label>`)}</fieldset>
      <label class="pick"><input type="checkbox" .checked=${saysAuthor} @change=${(event) => { saysAuthor = event.target.checked; }}>${rich("forward.author", { name: author })}</label>`,
    act: async () => {
      if (!chosen.size) return;
      const isHere = here();
      const { text, marks } = item;
      const files = (item.files ?? []).map((file) => file.number);
      for (const number of [...chosen]) {
        await taking(post(`/v1/conversations/${number}/items`, { kind: "text", text, marks, forwarded: saysAuthor ? author : "", ...(files.length ? { files } : {}) }, { key: `${key}-${number}` }));
        chosen.delete(number);
      }
      isHere();
      toast(t("forward.done"));
    },
  });
}

export function askSign(each, item) {
  let sign = "";
  openDialog({
    title: t("react.other"), safe: t("cancel"), acts: t("menu.react"), act: () => (sign.trim() ? then(() => react(each, item, sign.trim()))() : undefined),
    body: () => html`<div class="field"><label for="sign">${t("react.sign")}</label><input id="sign" type="text" maxlength="16" autocomplete="off" .value=${sign} @input=${(event) => { sign = event.target.value; }}>
      <span class="hint">${t("react.sign.hint")}</span></div>`,
  });
}

const TIMES = [0, 3600, 86_400, 604_800];
const UNITS = [[60, "timer.minutes"], [3600, "timer.hours"], [86_400, "timer.days"]];
const LONGEST_S = 366 * 86_400;

export function askTimer(each) {
  let seconds = each.timer ?? 0;
  let isOwn = !TIMES.includes(seconds);
  let unit = [...UNITS].reverse().find(([size]) => seconds && seconds % size === 0)?.[0] ?? 3600;
  let count = Math.max(1, Math.round(seconds / unit) || 2);
  const wanted = () => Math.min(LONGEST_S, isOwn ? count * unit : seconds);
  const radio = (isOn, label, pick) => html`<label class="pick"><input type="radio" name="timer" .checked=${isOn} @change=${() => { pick(); change(); }}>${label}</label>`;
  openDialog({
    title: t("timer.title"), safe: t("cancel"), acts: t("timer.set"),
    body: () => html`<p class="small">${t(each.kind === "group" ? "timer.means.group" : "timer.means")}</p><fieldset class="choose"><legend class="unseen">${t("timer.title")}</legend>
      ${TIMES.map((time) => radio(!isOwn && seconds === time, time ? lasts(time) : t("timer.off"), () => { isOwn = false; seconds = time; }))}
      ${radio(isOwn, t("timer.own"), () => { isOwn = true; })}
      ${isOwn ? html`<div class="own-time"><input type="number" min="1" max="366" aria-label=${t("timer.count")} .value=${String(count)} @input=${(event) => { count = Math.max(1, Math.floor(Number(event.target.value)) || 1); }}>
        <select aria-label=${t("timer.unit")} @change=${(event) => { unit = Number(event.target.value); }}>${UNITS.map(([size, words]) => html`<option value=${size} ?selected=${size === unit}>${t(words)}</option>`)}</select></div>` : nothing}</fieldset>`,
    act: then(async () => { state.conversations.set(each.number, await post(`/v1/conversations/${each.number}/timer`, { seconds: wanted() })); }),
  });
}

/** A conversation as a file: one to read, or one for programs. */
export function askExport(each) {
  // A long chat takes minutes, and nothing was typed: the dialog does not wait for it.
  const save = (form) => async () => {
    closeDialog();
    const answer = await ask("GET", `/v1/conversations/${each.number}/export`, { query: { as: form }, raw: true, seconds: 3600 });
    await (await fetchPart("network")).saveAnswer(answer, `mesh-chat-${each.number}.${form}`);
    toast(t("export.done"));
  };
  openDialog({ title: t("export.title"), body: html`<p>${t("export.means")}</p>`, safe: t("cancel"), broad: true, also: { words: t("export.json"), act: save("json") }, acts: t("export.html"), act: save("html") });
}
