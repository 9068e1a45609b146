// Pictures of people, drawn from their key: new keys, new picture.
import { html } from "../vendor/lit-html/lit-html.js";
import { icon } from "./icons.js";

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const first = (word, count = 1) => [...graphemes.segment(word)].slice(0, count).map((part) => part.segment).join("");

export function letters(label) {
  const parts = label.trim().split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  if (!parts.length) return first(label.trim() || "?");
  const picked = parts.length > 1 ? first(parts[0]) + first(parts.at(-1)) : first(parts[0], 2);
  return picked.toLocaleUpperCase();
}

/** `key`: hexadecimal text, or empty for somebody of whom no key is known. */
export function avatar(label, key, size = 44, shape = "") {
  const pattern = key ? parseInt(key.slice(2, 4), 16) % 6 : 0;
  return html`<span class="avatar ${shape} size-${size} tone-${toneOf(key)} pattern-${pattern}" aria-hidden="true"><span>${letters(label)}</span></span>`;
}

/** The tone of somebody: one of ten. */
export const toneOf = (key) => (key ? parseInt(key.slice(0, 2), 16) % 10 : 9);

/** The picture of a group: a square, drawn from its id. */
export const groupPicture = (name, gid, size = 44) => avatar(name, gid, size, "square");

export const ownAvatar = (size = 44) => html`<span class="avatar size-${size} tone-9" aria-hidden="true">${icon("bookmark", size / 2)}</span>`;
