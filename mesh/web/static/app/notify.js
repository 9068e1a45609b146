// Notifications of this computer: without name and text, unless the person switched those on. And what is told wherever somebody is.
import { personIsHere } from "./api.js";
import { announce } from "./dom.js";
import { onForget, state } from "./state.js";
import { oneLine } from "./text.js";
import { go } from "./router.js";
import { t } from "./words.js";
import "./words_more.js";

export const notify = (item) => show(item.conversation, "mesh", oneLine(item.text, 120) || t("notify"), t("notify"));

/** `plain`: what is shown where names and texts are not. */
function show(conversation, tag, text, plain) {
  const { notify: isOn, notifyText } = state.preferences;
  if (!isOn || !("Notification" in window) || Notification.permission !== "granted") return;
  const title = notifyText ? state.conversations.get(conversation)?.title ?? t("app.name") : t("app.name");
  // A further call for help in the place of one that stands is heard too.
  const made = new Notification(title, { body: notifyText ? text : plain, tag: notifyText ? `${tag}-${conversation}` : tag, renotify: tag !== "mesh" });
  made.onclick = () => { window.focus(); go(notifyText ? `#/c/${conversation}` : "#/chats"); made.close(); };
}

/** Tell it to who looks elsewhere; to all whom a screen is read. */
function tell(conversation, tag, text, plain) {
  const each = state.conversations.get(conversation);
  if (each?.is_request || each?.is_blocked) return;
  announce(text);
  const { conversation: open, parts: [part, who] } = state.route;
  if ((open !== conversation && !(part === "compare" && Number(who) === conversation)) || document.hidden || !document.hasFocus() || !personIsHere()) show(conversation, tag, text, plain);
}

/** How many others called for help in each check-in when it was last told of. */
const calls = new Map();
onForget(() => calls.clear());

function callsIn({ gone, check_in: told }) {
  if (gone || !told) return 0;
  const { people, answers, roll_up } = told;
  const me = people.find((person) => person.is_me);
  const isMine = me && [me.answer, ...me.others].some((word) => word && answers[word.which]?.level === 2);
  return roll_up.help - Number(Boolean(isMine));
}

/** A check-in changed: nobody overlooks a call for help because of where they are, or what they muted. `former`: the item before, if it was here; `known`: the calls that were known of its conversation. */
export function seeHelp(item, former, known = 0) {
  const now = callsIn(item);
  const before = calls.get(item.number) ?? (former ? callsIn(former) : Math.min(now, known));
  calls.set(item.number, now);
  if (now > before) tell(item.conversation, "mesh-help", t("help.calls", { name: state.conversations.get(item.conversation)?.title ?? "" }), t("help.some"));
}

/** A comparison went on: who is asked, or is to mistrust, is told so. */
export function seeComparison({ contact, label, state: stage }) {
  if (stage === "asked by them") tell(contact, "mesh-compare", t("compare.asks", { name: label }), t("compare.some"));
  else if (stage === "failed") tell(contact, "mesh-compare", t("compare.failed"), t("compare.some"));
}
