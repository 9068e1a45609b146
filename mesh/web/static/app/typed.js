// What is typed becomes a text with marks, and such a text what is typed.
//
// *bold*, _italic_, ~struck~, `code`; lines between two lines of three backticks are a block of code, and lines that begin with "> "
// a quote. A sign opens where a word begins and closes where one ends, in the same line. In addresses and in code none means anything.

const KINDS = { "*": "bold", "_": "italic", "~": "struck", "`": "code" };
const SIGNS = Object.fromEntries(Object.entries(KINDS).map(([sign, kind]) => [kind, sign]));
const ADDRESS = /(?:https?:\/\/|mailto:|mesh:)[^\s<>"']+/giu;
const WORD = /[\p{L}\p{N}]/u;
const FENCE = "```";
/** The bound of the protocol; and how far a sign is looked for, so that a long line costs little. */
const MARKS_MAX = 200;
const REACH = 2000;

/** `{ text, marks }` of what was typed; places and lengths are in code points. */
export function read(typed) {
  const made = { out: [], marks: [] };
  rowsOf(typed.split("\n")).forEach((row, place) => {
    if (place) made.out.push("\n");
    const start = made.out.length;
    row.lines.forEach((line, each) => {
      if (each) made.out.push("\n");
      if (row.kind === "block") made.out.push(...line);
      else inside([...line], addressesOf(line), made);
    });
    if (row.kind) mark(made, row.kind, start);
  });
  return { text: made.out.join(""), marks: made.marks };
}

function rowsOf(lines) {
  const rows = [];
  for (let at = 0; at < lines.length; at += 1) {
    const end = lines[at].trimEnd() === FENCE ? lines.indexOf(FENCE, at + 1) : -1;
    if (end > at + 1) {
      rows.push({ kind: "block", lines: lines.slice(at + 1, end) });
      at = end;
    } else if (lines[at].startsWith("> ")) {
      if (rows.at(-1)?.kind !== "quote") rows.push({ kind: "quote", lines: [] });
      rows.at(-1).lines.push(lines[at].slice(2));
    } else rows.push({ kind: "", lines: [lines[at]] });
  }
  return rows;
}

function mark(made, kind, start) {
  const length = made.out.length - start;
  if (length && made.marks.length < MARKS_MAX) made.marks.push({ kind, start, length });
}

const addressesOf = (line) => [...line.matchAll(ADDRESS)].map((match) => {
  const from = [...line.slice(0, match.index)].length;
  return [from, from + [...match[0]].length];
});

function inside(signs, addresses, made, from = 0, to = signs.length) {
  const isIn = (at) => addresses.find(([begin, end]) => at >= begin && at < end);
  for (let at = from; at < to; at += 1) {
    const kind = KINDS[signs[at]];
    const end = kind && !isIn(at) && made.marks.length < MARKS_MAX && opens(signs, at) ? closing(signs, at, to, isIn) : -1;
    if (end < 0) { made.out.push(signs[at]); continue; }
    const start = made.out.length;
    if (kind === "code") made.out.push(...signs.slice(at + 1, end));
    else inside(signs, addresses, made, at + 1, end);
    mark(made, kind, start);
    at = end;
  }
}

const opens = (signs, at) => !(at && (WORD.test(signs[at - 1]) || signs[at - 1] === signs[at])) && /\S/.test(signs[at + 1] ?? " ") && signs[at + 1] !== signs[at];

function closing(signs, at, to, isIn) {
  for (let end = at + 2; end < Math.min(to, at + REACH); end += 1)
    if (signs[end] === signs[at] && /\S/.test(signs[end - 1]) && !WORD.test(signs[end + 1] ?? " ") && signs[end + 1] !== signs[at] && !isIn(end)) return end;
  return -1;
}

/** What would be typed for this text with these marks: for changing it. */
export function write(text, marks) {
  const signs = [...text];
  const put = Array.from({ length: signs.length + 1 }, () => ["", ""]);
  for (const { kind, start, length } of [...marks].sort((a, b) => b.length - a.length)) {
    const end = start + length;
    if (end > signs.length || !length) continue;
    if (kind === "quote") for (let at = start; at < end; at += 1) { if (at === start || signs[at - 1] === "\n") put[at][1] += "> "; }
    else if (kind === "block") { put[start][1] += `${FENCE}\n`; put[end][0] = `\n${FENCE}${put[end][0]}`; }
    else if (SIGNS[kind]) { put[start][1] += SIGNS[kind]; put[end][0] = SIGNS[kind] + put[end][0]; }
  }
  return put.map(([closed, opened], at) => closed + opened + (signs[at] ?? "")).join("");
}
