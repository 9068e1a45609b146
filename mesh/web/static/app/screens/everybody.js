// All who have a part in an item: it names eight of each kind itself, and pages name the others.
import { get } from "../api.js";

/** Whether an item names fewer people than reacted, or chose one of its options. */
export const isCut = (item) => [...item.reactions, ...(item.poll?.options ?? [])].some(({ who, count }) => who.length < count);

/** Ask for all of them, page by page. */
export async function everybody(item) {
  const people = [];
  for (;;) {
    const page = await get(`/v1/items/${item.number}/people${people.length ? `?after=${people.at(-1).key}` : ""}`);
    people.push(...page.people);
    if (!page.has_more || !page.people.length) return people;
  }
}

/** All who are asked in a check-in, with the word on each. */
export const checkedIn = async (item) => (item.check_in.people.length < item.check_in.of ? (await everybody(item)).flatMap((person) => person.checked ?? []) : item.check_in.people);
