// Who is meant by a name behind an @: those who are in the chat.
import { membersOf } from "./groups.js";
import { state } from "./state.js";

const MENTIONS_MAX = 16;
const SHOWN = 6;
const isLetter = (sign) => sign !== undefined && /[\p{L}\p{N}\p{M}_]/u.test(sign);

/** Those who can be meant in a chat, by key and name; `item`: whoever was meant in it can be meant still. */
export function peopleOf(each, item = null) {
  const people = new Map();
  for (const { start, length, key } of item?.mentions ?? []) {
    const name = [...item.text].slice(start, start + length).join("");
    if (name.startsWith("@")) people.set(name.slice(1), { key, label: name.slice(1) });
  }
  if (each?.kind === "group") for (const one of toldApart([...membersOf(each.number).values()].filter(({ is_me }) => !is_me))) people.set(one.label, one);
  const contact = each?.kind === "direct" ? state.contacts.get(each.contact) : null;
  if (contact) people.set(contact.label, contact);
  return [...people.values()].filter(({ label }) => label);
}

/**
 * People by what means each of them alone. A label that several bear means the one contact among them, or nobody; the others are meant by it
 * with the beginning of their key. Who chose a label that looks so is meant by nothing.
 */
export function toldApart(members) {
  const grouped = (all) => [...all.reduce((found, one) => found.set(one.label.toLowerCase(), [...found.get(one.label.toLowerCase()) ?? [], one]), new Map()).values()];
  const named = grouped(members).flatMap((those) => {
    const first = those.length === 1 ? those : those.filter(({ contact }) => contact);
    return those.map((one) => ({ key: one.key, label: first.length === 1 && first[0] === one ? one.label : `${one.label} ${one.key.slice(0, 8)}` }));
  });
  return grouped(named).filter(({ length }) => length === 1).flat();
}

/** The places of a text that mean somebody, in code points: the longest name behind an @ between other words. */
export function mentionsIn(text, people) {
  const signs = [...text], found = [];
  const names = people.map(({ key, label }) => ({ key, name: [...label] })).sort((a, b) => b.name.length - a.name.length);
  for (let start = 0; start < signs.length && found.length < MENTIONS_MAX; start += 1) {
    if (signs[start] !== "@" || isLetter(signs[start - 1])) continue;
    const meant = names.find(({ name }) => !isLetter(signs[start + 1 + name.length])
      && signs.slice(start + 1, start + 1 + name.length).join("").toLowerCase() === name.join("").toLowerCase());
    if (!meant) continue;
    found.push({ start, length: meant.name.length + 1, key: meant.key });
    start += meant.name.length;
  }
  return found;
}

/** What is begun behind an @ before the cursor, and who may be meant by it; null if nothing is. */
export function begunAt(text, caret, people) {
  const begun = /(?:^|[^\p{L}\p{N}\p{M}_])@([^@\n]{0,64})$/u.exec(text.slice(0, caret));
  if (!begun) return null;
  const wanted = begun[1].toLowerCase();
  const choices = people.filter(({ label }) => label.toLowerCase().startsWith(wanted) && label.toLowerCase() !== wanted).slice(0, SHOWN);
  return choices.length ? { from: caret - begun[1].length, choices } : null;
}
