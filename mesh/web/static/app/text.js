// Texts of others, shown safely: only text nodes, hidden signs as marks, links in full.
import { html } from "../vendor/lit-html/lit-html.js";
import { t } from "./words.js";

// Control signs, and those that turn the direction of what follows.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/;
const PIECES = /((?:https?:\/\/|mailto:|mesh:)[^\s<>"'\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+)|([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff])/giu;

const DRESS = {
  bold: (inner) => html`<strong>${inner}</strong>`, italic: (inner) => html`<em>${inner}</em>`, struck: (inner) => html`<s>${inner}</s>`, code: (inner) => html`<code>${inner}</code>`,
  mention: (inner) => html`<span class="mention">${inner}</span>`, found: (inner) => html`<mark>${inner}</mark>`,
};
const ROWS = { block: (inner) => html`<code class="block">${inner}</code>`, quote: (inner) => html`<q class="block">${inner}</q>` };

/** The pieces of a text as templates. Marks, mentions and finds are places in code points; those beyond the end are passed over. */
export function body(text, { marks = [], mentions = [], found = [], hasLinks = true } = {}) {
  const spans = spansOf(text, [...marks, ...mentions.map((each) => ({ ...each, kind: "mention" })), ...found.map((each) => ({ ...each, kind: "found" }))]);
  const out = [];
  let last = 0;
  for (const row of spans.filter((span) => span.kind in ROWS).sort((a, b) => a.from - b.from)) {
    if (row.from < last) continue;
    // A row of its own ends the line before it, and begins the next one.
    const isAfterLine = row.from > last && text[row.from - 1] === "\n";
    out.push(...inline(text, last, row.from - isAfterLine, spans, hasLinks), ROWS[row.kind](inline(text, row.from, row.to, spans, hasLinks && row.kind !== "block")));
    last = row.to + (text[row.to] === "\n");
  }
  out.push(...inline(text, last, text.length, spans, hasLinks));
  return out;
}

/** Spans in code points as those of the text of this language, which counts otherwise beyond U+FFFF. */
function spansOf(text, told) {
  if (!told.length) return [];
  const places = [0];
  for (const sign of text) places.push(places.at(-1) + sign.length);
  return told.filter(({ kind, start, length }) => (kind in DRESS || kind in ROWS) && length > 0 && places[start + length] !== undefined)
    .map(({ kind, start, length }) => ({ kind, from: places[start], to: places[start + length] }));
}

function inline(text, from, to, spans, hasLinks) {
  const near = spans.filter((span) => span.kind in DRESS && span.from < to && span.to > from);
  const out = [];
  let last = from;
  const dress = (inner) => near.filter((span) => span.from <= last && span.to > last).reduce((made, span) => DRESS[span.kind](made), inner);
  const plain = (until) => {
    const edges = new Set(near.flatMap((span) => [span.from, span.to]).filter((edge) => edge > last && edge < until));
    for (const edge of [...[...edges].sort((a, b) => a - b), until]) {
      if (edge > last) out.push(dress(text.slice(last, edge)));
      last = edge;
    }
  };
  for (const match of text.slice(from, to).matchAll(PIECES)) {
    const tail = match[2] ? "" : /[.,;:!?)\]}]+$/.exec(match[1])?.[0] ?? "";
    const end = from + match.index + match[0].length - tail.length;
    if (match[1] && !hasLinks) continue;
    plain(from + match.index);
    // An address is one piece, whatever marks begin or end inside it: no mark shortens it.
    out.push(dress(match[2] ? hiddenSign(match[2]) : link(text.slice(last, end))));
    last = end;
  }
  plain(to);
  return out;
}

function link(address) {
  if (/^mesh:/i.test(address)) return html`<a dir="ltr" href="#/people/add/paste/${encodeURIComponent(address)}">${address}</a>`;
  try { new URL(address); } catch { return address; }
  return html`<a dir="ltr" href=${address} target="_blank" rel="noreferrer noopener">${address}</a>`;
}

const hiddenSign = (sign) => {
  const code = `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return html`<span class="sign" title=${t("sign", { code })}>${code}</span>`;
};

/** One line of a text, without signs that hide or turn anything. */
export const oneLine = (text, length = 200) =>
  [...text.slice(0, length * 2)].map((sign) => (HIDDEN.test(sign) ? " " : sign)).join("").replace(/\s+/g, " ").trim().slice(0, length);
