// What is done with a message, from keys, the bar beside it and its menu alike.
import { html } from "../vendor/lit-html/lit-html.js";
import { post } from "./api.js";
import { copyText, failed, here, openMenu } from "./dom.js";
import { canChange, groupOf, isAtLeast, may } from "./groups.js";
import { fetchPart } from "./later.js";
import { setMode } from "./outbox.js";
import { go } from "./router.js";
import { change } from "./state.js";
import { taking } from "./stream.js";
import { oneLine } from "./text.js";
import { nowSeconds } from "./times.js";
import { write } from "./typed.js";
import { t } from "./words.js";

/** The reactions that are offered, in the order of pictures/reactions.svg. */
const OFFERED = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const REACTIONS_MAX = 3;
const EDIT_OFFERED_S = 48 * 3600;

export const isWhole = (item) => !item.gone && !item.entry && !item.state?.includes("withdrawn");
const isText = (item) => isWhole(item) && item.kind === "text";
/** What is not all here cannot go on; large files only from where they lie. */
const canGoOn = (item) => !item.timer && (item.files ?? []).every((file) => file.state === "here" && (file.is_mine || !file.is_direct));
export const canWithdraw = (item) => isText(item) && item.isMine && !item.devices && ["awaiting-key", "queued", "carried"].includes(item.state);
export const canEdit = (item) => isText(item) && item.isMine && nowSeconds() - item.sent < EDIT_OFFERED_S;

/** Whether nothing can be done with messages of a conversation; that their Mesh reads texts only is said in words. */
export function isClosed(each) {
  if (each.is_blocked || each.is_request || !canChange(each)) return true;
  if (each.reads !== 1) return false;
  failed({ type: "older-mesh" }, { name: each.title });
  return true;
}

/** Ask for a change of an item, and show what came of it. */
export async function tell(item, what, body = {}) {
  const answer = await taking(post(`/v1/items/${item.number}/${what}`, body));
  change();
  return answer;
}

export function reply(each, item, focus) {
  if (!isWhole(item) || isClosed(each)) return;
  setMode(each.number, { kind: "reply", item });
  focus();
}

export function edit(each, item, focus) {
  if (!canEdit(item) || isClosed(each)) return;
  setMode(each.number, { kind: "edit", item, text: write(item.text, item.marks ?? []) });
  focus();
}

/** Put a reaction, or take it back where it stands already. */
export async function react(each, item, sign) {
  if (!isWhole(item) || isClosed(each)) return;
  const mine = (item.reactions ?? []).filter((reaction) => reaction.is_mine).map((reaction) => reaction.emoji);
  const emoji = mine.includes(sign) ? mine.filter((other) => other !== sign) : [...mine, sign];
  if (emoji.length > REACTIONS_MAX) { failed({ type: "reactions" }); return; }
  await tell(item, "react", { emoji });
}

/** An admin of a group hides what others wrote, for all, and shows it again. */
const mayHide = (each, item) => each.kind === "group" && !item.entry && (!item.gone || item.hidden) && isAtLeast(groupOf(each.number), "admin");

/** Open what a part has, unless the person went on while it came. */
export const opener = (place, name) => async (...values) => {
  const isHere = here();
  const module = await fetchPart(place);
  if (isHere()) module[name](...values);
};
const asked = (name) => opener("asking", name);
export const askDelete = asked("askDelete");
export const askForward = asked("askForward");
export const askTimer = asked("askTimer");
export const askExport = asked("askExport");
export const askWithdraw = asked("askWithdraw");
const askSign = asked("askSign");
const askHide = asked("askHide");

export const isOffered = (sign) => OFFERED.includes(sign);

/** What a reaction is called; one that is not offered is called by its sign. */
export const nameOf = (sign) => (isOffered(sign) ? t(`react.${OFFERED.indexOf(sign)}`) : oneLine(sign, 32));

/** The picture of an offered one: plain Debian has no font that draws them. */
export const pictureOf = (sign) => (isOffered(sign)
  ? html`<svg class="emoji" viewBox="0 0 32 32" aria-hidden="true"><use href=${`/pictures/reactions.svg#p${OFFERED.indexOf(sign)}`}></use></svg>`
  : html`<bdi class="emoji">${oneLine(sign, 16)}</bdi>`);

const offered = (each, item) => OFFERED.map((sign) => ({
  sign, name: nameOf(sign), picture: pictureOf(sign), isOn: (item.reactions ?? []).some((reaction) => reaction.is_mine && reaction.emoji === sign), act: () => react(each, item, sign),
}));

export function reactMenu(event, each, item) {
  if (!isWhole(item) || isClosed(each)) return;
  openMenu(event, [["smile-plus", t("react.other"), () => askSign(each, item)]], offered(each, item));
}

export function messageMenu(event, each, item, focus) {
  const isOpen = isWhole(item) && canChange(each);
  openMenu(event, [
    isOpen ? ["reply", t("menu.reply"), () => reply(each, item, focus)] : null,
    isOpen && canEdit(item) ? ["pencil", t("menu.edit"), () => edit(each, item, focus)] : null,
    item.text && !item.gone ? ["copy", t("copy"), () => copyText(item.text)] : null,
    isText(item) && canGoOn(item) ? ["forward", t("menu.forward"), () => askForward(each, item)] : null,
    isOpen && (each.kind !== "group" || may(groupOf(each.number), "pin")) ? [item.is_pinned ? "pin-off" : "pin", t(item.is_pinned ? "menu.unpin" : "menu.pin"), () => (isClosed(each) ? null : tell(item, "pin", { is_on: !item.is_pinned }))] : null,
    ["info", t("menu.details"), () => go(`#/c/${each.number}/details/${item.number}`)],
    mayHide(each, item) ? [item.hidden ? "eye" : "eye-off", t(item.hidden ? "menu.unhide" : "menu.hide"), () => (item.hidden ? tell(item, "hide", { is_on: false }) : askHide(item))] : null,
    canWithdraw(item) ? ["undo-2", t("details.withdraw"), () => askWithdraw(item)] : null,
    ["trash-2", t("menu.delete"), () => askDelete(each, item), "danger"],
  ], isOpen && each.reads !== 1 ? offered(each, item) : []);
}
