// The one catalogue of words. `{x}` is a value, `**x**` is bold, `.one` and `.other` are plurals. Those that reading and writing do not
// need stand in words_more.js, and come with the sections that say them.
import { html } from "../vendor/lit-html/lit-html.js";

const words = {
  "app.name": "Mesh",
  "foot.a": "No server, no account, no phone number.", "foot.b": "Only those you write to can read it.",
  "add": "Add", "nav.chats": "Chats", "nav.people": "People", "nav.network": "Network", "nav.settings": "Settings", "nav.lock": "Lock",
  "nav.links.one": "{n} link", "nav.links.other": "{n} links", "nav.nobody": "Nobody", "nav.silent": "No answer",
  "part.list": "{name}, list", "skip": "Go to the conversation",
  "again": "Try again", "close": "Close", "cancel": "Cancel", "back": "Back", "undo": "Undo", "more": "More", "search": "Search", "copy": "Copy", "copied": "Copied", "save": "Save",
  "you": "You", "you.by": "you", "me.title": "Note to self", "me.hint": "Kept on this computer only. Nobody else receives it.",
  "state.received": "Received", "state.kept": "Kept on this computer", "state.awaiting-key": "Waiting for their key", "state.queued": "Queued here", "state.carried.one": "Carried by {n} neighbour", "state.carried.other": "Carried by {n} neighbours", "state.carried.zero": "At their node, not known to be opened", "state.delivered": "Delivered to their device", "state.read": "Read", "state.expired": "Expired without proof of delivery", "state.withdrawn": "Withdrawn", "state.delivered-then-withdrawn": "Withdrawn, but delivered", "state.unsaved": "Not saved yet", "state.refused": "Not sent", "state.waiting-for-keys": "Waiting for keys", "state.nobody": "Nobody else here was in the group then", "state.devices": "On {n} of {m} devices", "state.devices.read": "On {n} of {m} devices, read by {r}",
  "line.awaiting-key": "it comes through the mesh by itself", "line.queued": "it leaves by itself", "line.expired": "it may have arrived or not", "line.withdrawn": "nobody is known to have opened it", "line.unsaved": "goes to Mesh as soon as it answers", "line.unsaved.again": "Mesh did not take it yet; tried again by itself", "line.unsaved.disk": "the disk is full; it goes on by itself when there is room", "line.waiting-for-keys": "it leaves by itself when there are keys for just those who are in", "line.devices.over": "no longer under way", "line.until": "kept until {day}", "line.again.one": "sent again once", "line.again.other": "sent again {n} times", "line.unanswered": "not answered since {day}: the invite may be used or taken back; ask for a new one", "line.stick": "on a stick since {day}",
  "devices.which": "Which?",
  "details.withdraw": "Withdraw",
  "trust.verified": "Verified", "trust.known": "Known", "trust.first seen": "First seen", "trust.request": "Request", "trust.blocked": "Blocked", "trust.keys": "New keys", "unreached": "Out of reach", "unreached.means": "May not get what you write, until they have a new invite of yours.", "trust.waiting": "Waiting for their key",
  "trust.verified.means": "You compared pictures, numbers or the safety number.", "trust.known.means": "Their own link, or {name}, vouches for their key.", "trust.known.link": "Their own link vouches for their key.", "trust.first seen.means": "They used an invite of yours. So could anybody who had it.", "trust.request.means": "Waits apart until you accept.", "trust.blocked.means": "Nothing they write to you alone is opened. They are not told.", "trust.keys.means": "Other keys than before. Compare again.",
  "heard": "Heard {age}", "heard.never": "Not heard yet", "linked": "Linked now over {interface}", "linked.now": "Linked now", "asof": "As known at {t}", "answer.none": "Has not answered yet",
  "stream.gap.one": "{n} earlier message has not arrived", "stream.gap.other": "{n} earlier messages have not arrived", "stream.new.one": "{n} new message", "stream.new.other": "{n} new messages", "stream.late": "**Late** · written {t}, opened {t2}", "stream.slow": "opened {t2}", "stream.apart": "**Apart** · {name} was out of the group, or had no right to this any more, and did not know it", "stream.apart.own": "**Apart** · you were out of the group, or had no right to this any more, and did not know it", "stream.clock.ahead": "**Their clock is ahead** · written {t} by it, came {t2}", "stream.clock.behind": "**Their clock is behind** · written {t} by it, came {t2}", "stream.later.one": "{n} late message further up", "stream.later.other": "{n} late messages further up", "stream.newest": "Newest", "stream.empty": "Nothing written yet.", "stream.begin": "Compare pictures with {name} once, then you know that nobody stands between you.", "stream.all": "Show all", "stream.sealed.one": "{n} message of theirs came and is not opened.", "stream.sealed.other": "{n} messages of theirs came and are not opened.", "stream.sealed.open": "Open them", "stream.sealed.day": "It is more than is opened of one person in a day. The rest opens by itself: {t}.",
  "menu.reply": "Reply", "menu.react": "React", "menu.edit": "Edit", "menu.forward": "Forward", "menu.delete": "Delete", "menu.hide": "Hide for all", "menu.unhide": "Show again", "menu.export": "Export", "change": "Change",
  "look.picture": "Picture", "look.voice": "Voice note", "look.video": "Video", "look.file": "File",
  "quote.missing": "Not here yet", "forwarded": "Forwarded", "forwarded.by": "Forwarded, written by {name}",
  "edit.title": "Editing", "edit.mark": "edited", "edit.back": "Esc brings back what you were writing.",
  "react.0": "thumbs up", "react.1": "heart", "react.2": "laughing", "react.3": "surprised", "react.4": "sad", "react.5": "thank you", "react.label": "{name}, {n}: {people}", "react.other": "Another sign",
  "gone.retracted": "{name} deleted this message", "gone.retracted.own": "You deleted this message", "gone.expired": "This message has disappeared", "gone.hidden": "This message is hidden", "gone.hidden.by": "{name} hides this message for all", "gone.hidden.own": "You hide this message for all", "gone.newer": "Made with a newer Mesh. Update to see it.", "gone.forgotten": "Deleted here", "gone.lost": "Its words were lost with a damaged disk",
  "retracted.awaiting-key": "Deleted here. Their device is told when their key came", "retracted.queued": "Deleted here. Their device is told by itself", "retracted.carried.one": "Deleted here. Their device is told, carried by {n} neighbour", "retracted.carried.other": "Deleted here. Their device is told, carried by {n} neighbours", "retracted.delivered": "Their device was asked to delete it", "retracted.expired": "Deleted here. Whether their device did so is not known", "retracted.kept": "Deleted on this computer", "retracted.devices": "Asked to delete it: {n} of {m} devices; {k} not reached yet", "retracted.devices.none": "Deleted here. None of {m} devices is known to be asked yet",
  "timer.title": "Disappearing messages", "timer.after": "disappears {time} after reading", "timer.line": "**{by}**: from here on messages disappear **{time} after reading**", "timer.line.off": "**{by}**: from here on messages do not disappear", "name.line": "**{by}**: from here on called **{name}**",
  "lasts.seconds.one": "{n} second", "lasts.seconds.other": "{n} seconds", "lasts.minutes.one": "{n} minute", "lasts.minutes.other": "{n} minutes", "lasts.hours.one": "{n} hour", "lasts.hours.other": "{n} hours", "lasts.days.one": "{n} day", "lasts.days.other": "{n} days", "lasts.weeks.one": "{n} week", "lasts.weeks.other": "{n} weeks",
  "composer.label": "Message {name}", "composer.send": "Send", "composer.voice": "Record a voice note", "composer.meant": "People in this chat", "composer.note": "Write a note", "composer.over.one": "{n} byte too long", "composer.over.other": "{n} bytes too long", "composer.asfile": "Send it as a file", "composer.asfile.name": "text.txt", "composer.blocked": "You blocked {name}. Nothing they write here is opened.", "composer.request": "Accept {name} first to answer.", "composer.invited": "You are asked into this group. Accept first.", "composer.joining": "You are in when your word has arrived and somebody has let you in. Nothing is to be done.", "composer.left": "You left this group. What was written before stays here.", "composer.removed": "You were removed from this group. What was written before stays here.", "composer.closed": "This group is closed: nobody writes in it.", "composer.admins": "Only admins write in this group.",

  "banner.silent": "**Mesh does not answer since {t}.** Keep this page open: it holds what you write.", "banner.silent.next": "Trying again in {n} s.", "banner.seen": "I have read it", "banner.silent.now": "Try now",
  "chats.all": "All", "chats.unread": "Unread", "chats.archived": "Archived", "chats.groups": "Groups", "chats.knocks.one": "{n} person waits at a group", "chats.knocks.other": "{n} people wait at groups", "chats.invites.one": "{n} group asks you in", "chats.invites.other": "{n} groups ask you in", "chats.requests.one": "{n} person waits to be let in", "chats.requests.other": "{n} people wait to be let in", "chats.help.one": "{n} needs help", "chats.help.other": "{n} need help", "chats.compare": "Compare", "chats.failed": "Not the same", "chats.draft": "Draft:", "chats.none": "Your conversations will stand here.", "chats.nonehere": "None here.", "chats.new": "New", "chats.nothing": "Nothing written yet",
  "menu.pin": "Pin", "menu.unpin": "Unpin", "menu.mute": "Mute", "menu.unmute": "Unmute", "menu.archive": "Archive", "menu.unarchive": "Take out of the archive", "menu.unread": "Mark as unread", "menu.person": "Person", "menu.details": "Details", "menu.new.person": "Add a person", "menu.new.group": "New group", "menu.new.nearby": "People nearby", "menu.new.note": "Note to self",
  "done.archive": "Archived.", "done.mute": "Muted.",
  "group.title": "Group", "group.did.gone": "Something changed in the group", "group.did.created": "**{by}** made the group", "group.did.added": "**{by}** added **{whom}**", "group.did.removed": "**{by}** removed **{whom}**. What they had before stays there", "group.did.kept": "**{by}** kept what came since of **{whom}**", "group.did.noted": "**{by}** noted that **{whom}** left", "group.did.removed.you": "**{by}** removed you. What was written before stays here", "group.did.left": "**{by}** left", "group.did.role": "**{by}** changed the role of **{whom}**", "group.did.role.owner": "**{by}** made **{whom}** an owner", "group.did.role.admin": "**{by}** made **{whom}** an admin", "group.did.role.member": "**{by}** made **{whom}** a plain member", "group.did.down.admin": "**{by}** laid ownership down", "group.did.down.member": "**{by}** stepped down to a plain member", "group.did.set": "**{by}** changed the settings", "group.did.set.name": "**{by}** called the group **{value}**", "group.did.set.about": "**{by}** changed what the group is for", "group.did.closed.yes": "**{by}** closed the group", "group.did.closed.no": "**{by}** opened the group again", "group.void": "**Does not count.** {why}", "group.chat": "Chat", "group.tabs": "Chat or board", "group.members.one": "{n} member", "group.members.other": "{n} members", "group.heard.zero": "nobody else heard within a day", "group.heard.one": "{n} heard within a day", "group.heard.other": "{n} heard within a day", "group.state.invited": "You are asked in", "group.state.joining": "You are in when your word has arrived", "group.state.left": "You left", "group.state.removed": "You were removed", "group.state.closed": "Closed: nobody writes", "people.requests": "Requests", "people.nearby": "People nearby",
  "person.title": "Person",
  "board.title": "Board", "search.here": "Search here",
  "notify": "New message",
  "empty.chats.zero": "Mesh runs and has found nobody yet; it goes on looking. Now add somebody to write to.", "empty.chats.one": "Mesh runs and has found {n} neighbour. You carry mail for each other. Now add somebody to write to.", "empty.chats.other": "Mesh runs and has found {n} neighbours. They carry mail for you, and you for them. Now add somebody to write to.", "empty.nearby": "Find who is in this room and compare pictures.", "empty.code": "They scan it, or you send them the link.", "empty.paste": "Somebody gave you one that begins with mesh:", "empty.code.title": "Show my code", "empty.paste.title": "Paste a link", "empty.pick": "Choose a chat on the left.",
  "starting": "Asking Mesh…",
  "err.locked": "Locked. Unlock to go on.", "err.no-room": "There is no room for it.", "err.no-room.own-mail": "Your own mail takes all the room that it may. Wait for deliveries, or give it more room.", "err.no-room.disk": "The disk is full: nothing new is stored. Free some space. What is here can be read.", "err.signed-out": "This page is no longer signed in. Open it again with: mesh open", "err.busy": "Mesh is busy with this already. Try again in a moment.", "err.not-found": "It is not there any more.", "err.storage": "The disk fails, so Mesh stops. Look at the disk, then start Mesh again. What you wrote is kept in this page.", "err.stopping": "Mesh is stopping.", "err.timeout": "It took too long. It may have happened; look first.", "err.internal": "Our fault; the log has more. What you wrote is kept.", "err.silent": "Mesh does not answer.",
  "announce.new.one": "{n} new message", "announce.new.other": "{n} new messages", "announce.state": "Your message to {name}: {state}",
  "age.now": "just now", "age.minutes": "{n} min ago", "age.hours": "{n} h ago", "age.days": "{n} d ago", "span.seconds": "{n} s", "span.minutes": "{n} min", "span.hours": "{h} h {m} min", "span.days": "{d} d {h} h",
  "today": "Today", "yesterday": "Yesterday", "sign": "hidden sign {code}", "loading": "Loading", "failed": "It did not work.", "unread": "unread", "muted": "muted", "pinned": "pinned", "signed-out": "Signed out",
  "err.exists": "That is there already.", "err.bad-name": "A name needs 1 to 64 bytes and no invisible signs.", "first.welcome": "Welcome, {name}", "err.no-passphrase": "This profile has no passphrase, so there is nothing to lock with. Set one first.",
};

const plurals = new Intl.PluralRules(document.documentElement.lang || "en");

/** Take further words into the catalogue. */
export const learn = (more) => Object.assign(words, more);

/** The sentence behind a key, before values are put in; undefined if the catalogue lacks it. */
function sentence(key, values) {
  if ("n" in values) {
    const n = Number(values.n);
    if (n === 0 && `${key}.zero` in words) return words[`${key}.zero`];
    const form = plurals.select(n);
    if (`${key}.${form}` in words) return words[`${key}.${form}`];
    if (`${key}.other` in words) return words[`${key}.other`];
  }
  return words[key];
}

export const has = (key) => key in words;

/** Words as plain text. Numbers are written as the reader's language writes them. */
export function t(key, values = {}) {
  const text = sentence(key, values);
  if (text === undefined) return key;
  return text.replaceAll("**", "").replace(/\{(\w+)\}/g, (_, name) => written(values[name]));
}

/** Words with bold parts and with values that keep their own direction. */
export function rich(key, values = {}) {
  const text = sentence(key, values) ?? key;
  return text.split("**").map((part, index) => {
    const pieces = part.split(/\{(\w+)\}/).map((piece, place) =>
      place % 2 ? html`<bdi>${written(values[piece])}</bdi>` : piece);
    return index % 2 ? html`<strong>${pieces}</strong>` : pieces;
  });
}

const written = (value) => (typeof value === "number" ? value.toLocaleString() : value ?? "");

/** What a problem of the API means, by its type; its own sentence only if the type is unknown. */
export function told(problem, values = {}) {
  const plain = `err.${problem.type}`;
  const key = has(`${plain}.${problem.fields?.reason}`) ? `${plain}.${problem.fields.reason}` : plain;
  return key in words ? t(key, { ...problem.fields, ...values }) : problem.detail || t("failed");
}
