// Groups: what is known of each, of who is in it, and of what one may do there.
import { get } from "./api.js";
import { pause } from "./patience.js";
import { change, onForget, state } from "./state.js";
import { nowSeconds } from "./times.js";

export const RANKS = { member: 0, admin: 1, owner: 2 };
const LATELY_S = 86_400;

export const groupOf = (conversation) => state.groups.get(conversation);

/** Groups into which one was asked, and has not answered. */
export const invites = () => [...state.groups.values()].filter((group) => group.state === "invited");

/** Whether one is a member: also where nobody can write now. */
export const isIn = (group) => ["in", "waiting-for-keys", "closed"].includes(group.state);

/** Whether one has at least a role here. */
export const isAtLeast = (group, role) => isIn(group) && group.role !== null && RANKS[group.role] >= RANKS[role];

/** Whether one may do what a setting (add, write, pin, timer) leaves to members or to admins. */
export const may = (group, what) => isIn(group) && group.settings !== null && !group.settings.closed && (group.settings[what] === "members" || isAtLeast(group, "admin"));

/** Whether one can change what stands in a conversation: vote, answer, react, delete for all. */
export const canChange = (each) => each.kind !== "group" || (isIn(groupOf(each.number) ?? {}) && !groupOf(each.number).settings?.closed);

/** How many wait at links into groups, or ask there to become contacts. */
export const knocksCount = () => [...state.knocks.values()].reduce((sum, knocks) => sum + knocks.length, 0);

/** What is asked now, and whether something happened meanwhile. */
const asking = new Map();
onForget(() => asking.clear());

/** Ask about a group: once more where the answer may be old, and after pauses where none comes. */
export async function once(what, conversation, ask) {
  const name = `${what} ${conversation}`;
  if (asking.has(name)) { asking.set(name, true); return; }
  const { locks } = state;
  let failures = 0;
  do {
    asking.set(name, false);
    try { await ask(); } catch {
      if (state.locks !== locks) return;
      asking.set(name, state.groups.has(conversation));
      await pause(failures += 1);
    }
    if (state.locks !== locks) return;
    change();
  } while (asking.get(name));
  asking.delete(name);
}

/** Ask who waits at links into a group, if one may let them in, and for letters of members. */
export const askKnocks = ({ conversation }) => once("knocks", conversation, async () => {
  const group = groupOf(conversation) ?? {};
  if (!isIn(group)) { state.knocks.delete(conversation); return; }
  const all = async (what) => (await get(`/v1/groups/${conversation}/${what}`))[what];
  state.knocks.set(conversation, [...may(group, "add") ? await all("knocks") : [], ...await all("letters")]);
});

/** The members of a group by their keys, oneself among them; asked for when first wanted. */
export function membersOf(conversation) {
  if (state.groups.has(conversation) && !state.members.has(conversation) && !asking.has(`members ${conversation}`)) askMembers(conversation);
  return state.members.get(conversation) ?? new Map();
}

export const askMembers = (conversation) => once("members", conversation, async () => {
  const { members } = await get(`/v1/groups/${conversation}/members`);
  state.members.set(conversation, new Map(members.map((member) => [member.key, member])));
});

/** All was loaded anew, or one knows others. */
export function forgetMembers() {
  for (const name of asking.keys()) asking.set(name, true);
  for (const group of state.members.keys()) askMembers(group);
}

/** How many others were heard within a day. */
export const heardLately = (members) => [...members.values()].filter((member) => !member.is_me && nowSeconds() - member.heard < LATELY_S).length;

/** Contacts by their keys in groups: who is out is drawn as before. */
const contacts = new Map();
onForget(() => contacts.clear());

/** The key by which somebody in a group is drawn: that of the contact who it is, if known. */
export function faceOf(conversation, key) {
  const contact = membersOf(conversation).get(key)?.contact;
  if (contact) contacts.set(key, contact);
  return state.contacts.get(contacts.get(key))?.key ?? key;
}

/** Something of a member was opened: they were heard. */
export function hear({ conversation, author, received }) {
  const member = state.members.get(conversation)?.get(author.key);
  if (member && received > member.heard) member.heard = received;
}

/** More is known of a group: this is the whole of it. */
export function takeGroup(group) {
  state.groups.set(group.conversation, group);
  if (state.members.has(group.conversation) || asking.has(`members ${group.conversation}`)) askMembers(group.conversation);
}
