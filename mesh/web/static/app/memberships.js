// What was done to a group, to the timer and to names, in sentences: in the stream, the list of chats and its log.
import { lasts } from "./times.js";
import { has, rich, t } from "./words.js";

/** Whether an item is a line of the stream: nobody answers to it, and it is nothing to be read. */
export const isLine = ({ kind }) => ["membership", "timer", "name"].includes(kind);

export const GLYPHS = { created: "users-round", added: "user-plus", removed: "user-minus", left: "log-out", role: "shield-user", set: "settings" };

/** The key of the sentence, and what stands in it. */
function sentence({ action, by, whom, role = null, changes = [], is_mine = false, is_about_me = false, is_closing = false, is_keeping = false }) {
  const names = whom.length === 1 && is_about_me ? t(is_mine ? "you" : "you.by") : whom.join(", ");
  const values = { by: is_mine ? t("you") : by, whom: names };
  if (is_keeping) return ["group.did.kept", values];
  if (action === "role" && role) return [is_mine && is_about_me ? `group.did.down.${role}` : `group.did.role.${role}`, values];
  if (is_closing) return ["group.did.noted", values];
  if (action === "removed" && is_about_me) return ["group.did.removed.you", values];
  if (action !== "set" || changes.length !== 1) return [`group.did.${action}`, values];
  const [{ setting, value }] = changes;
  const key = setting === "closed" ? `group.did.closed.${value}` : `group.did.set.${setting}`;
  return has(key) ? [key, { ...values, value }] : ["group.did.set", values];
}

/** With names in bold. */
export const did = (membership) => rich(...sentence(membership));

const timed = ({ author, renamed, sets_timer: seconds }) => renamed ? ["name.line", { by: author.is_mine ? t("you") : renamed.before, name: renamed.name }] : [seconds ? "timer.line" : "timer.line.off", { by: author.is_mine ? t("you") : author.label, time: lasts(seconds) }];

/** Since when what is written disappears, or stays, or somebody has a name, and by whose word. */
export const didTime = (item) => rich(...timed(item));

/** A line as plain text: in a list, and for readers of the screen. */
export const linePlain = (item) => (item.kind !== "membership" ? t(...timed(item)) : item.membership ? t(...sentence(item.membership)) : t("group.did.gone"));
