// Notifications of this computer: without name and text, unless the person switched those on.
import { state } from "./state.js";
import { oneLine } from "./text.js";
import { closeDialog } from "./dom.js";
import { go } from "./router.js";
import { t } from "./words.js";

export function notify(item) {
  const { notify: isOn, notifyText } = state.preferences;
  if (!isOn || !("Notification" in window) || Notification.permission !== "granted") return;
  const title = notifyText ? state.conversations.get(item.conversation)?.title ?? t("app.name") : t("app.name");
  const text = notifyText ? oneLine(item.text, 120) || t("notify") : t("notify");
  const made = new Notification(title, { body: text, tag: notifyText ? `mesh-${item.conversation}` : "mesh" });
  made.onclick = () => { window.focus(); while (state.dialog) closeDialog(); go(notifyText ? `#/c/${item.conversation}` : "#/chats"); made.close(); };
}
