"use strict";
// What the page computes, apart from the document: `tests/sim/recording/test_page_script.py` calls it.
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const count = (value) => Math.round(value).toLocaleString("en");
const minutes = (whole) => `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
const seconds = (us) => (us < 1e6 ? `${Math.round(us / 1e3)} ms` : us < 12e7 ? `${(us / 1e6).toFixed(us < 1e7 ? 1 : 0)} s` : us < 72e8 ? minutes(Math.round(us / 1e6)) : us < 1728e8 ? `${(us / 36e8).toFixed(1)} h` : `${(us / 864e8).toFixed(1)} d`);
// Of a million values no call takes so many arguments.
const largest = (values, least = 0) => values.reduce((most, one) => Math.max(most, one), least);
const smallest = (values, most = Infinity) => values.reduce((least, one) => Math.min(least, one), most);
const path = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) if (10 ** power >= low) ticks.push(10 ** power);
  return ticks;
}

// Whether a node is on at an instant, from the events in which it was switched.
function powerIn(power) {
  const events = new Map();
  for (const [at, node, isUp] of power) { if (!events.has(node)) events.set(node, []); events.get(node).push([at, isUp]); }
  return (node, at) => { let isUp = false; for (const [when, now] of events.get(node) ?? []) { if (when > at) break; isUp = now; } return isUp; };
}

// From when to when each link stood: [one, other, from, to].
function spansOf(links, end) {
  const spans = new Map(), found = [];
  for (const [at, one, other, isUp] of links) {
    const key = `${one},${other}`;
    if (isUp) spans.set(key, at); else if (spans.has(key)) { found.push([one, other, spans.get(key), at]); spans.delete(key); }
  }
  for (const [key, at] of spans) found.push([...key.split(",").map(Number), at, end + 1]);
  return found;
}

// Of each limit, which shares of the nodes have the envelopes by then, in order.
function sharesBy(limits, times, nodes) {
  return limits.map((limit) => times.map((one) => { let have = 0; while (have < one.length && one[have] <= limit) have++; return have / nodes; }).sort((a, b) => a - b));
}

// Bytes a second between looks: [until, of each of the largest kinds and at last of all others].
function ratesOf(samples, kinds, shown) {
  return samples.slice(1).map((now, place) => {
    const before = samples[place], passed = Math.max(1, now.at_us - before.at_us) / 1e6;
    const of = (kind) => ((now.bytes_by_frame[kind] ?? 0) - (before.bytes_by_frame[kind] ?? 0)) / passed;
    return [now.at_us, [...kinds.slice(0, shown).map(of), kinds.slice(shown).reduce((sum, kind) => sum + of(kind), 0)]];
  });
}

// The way of an envelope: who had it first from whom, how many links away from its author, and on
// which row each is drawn: the leaves one below the other, all others in the middle of their own.
function treeOf(arrivals) {
  const children = new Map(), depth = new Map(), order = [], rows = new Map();
  for (const [at, node, from] of arrivals) {
    if (depth.has(node)) continue;
    const isChild = depth.has(from);
    order.push([at, node, isChild ? from : -1]);
    depth.set(node, isChild ? depth.get(from) + 1 : 0);
    children.set(node, []);
    if (isChild) children.get(from).push(node);
  }
  let leaves = 0;
  const waiting = order.filter(([, node]) => !depth.get(node)).map(([, node]) => node).reverse();
  while (waiting.length) {
    const node = waiting.pop(), own = children.get(node);
    if (!own.length) rows.set(node, leaves++);
    for (const one of [...own].reverse()) waiting.push(one);
  }
  for (const [, node] of [...order].reverse()) {
    const own = children.get(node);
    if (own.length) rows.set(node, own.reduce((sum, one) => sum + rows.get(one), 0) / own.length);
  }
  return { depth, order, rows, leaves };
}

// The rows that can have led to the last one of a node: what caused it, and what its node did before.
function causesOf(rows, node, most) {
  const known = new Map(rows.map((row) => [row[1], row])), kept = new Set();
  const from = rows.filter((row) => row[3] === node).at(-1), waiting = from ? [from[1]] : [];
  while (waiting.length && kept.size < most) {
    const number = waiting.shift(), row = known.get(number);
    if (!row || kept.has(number)) continue;
    kept.add(number); waiting.push(row[5]);
    const before = rows.filter((one) => one[3] === row[3] && one[1] < number).at(-1);
    if (before) waiting.push(before[1]);
  }
  return kept;
}

// Where nodes are drawn: those with links between them near each other, in a ring where none are known.
function layOut(present, links) {
  const nodes = present.length, pairs = new Map(), rank = new Map(present.map((node, place) => [node, place]));
  for (const [, one, other] of links) pairs.set(`${one},${other}`, [rank.get(one) ?? 0, rank.get(other) ?? 0]);
  let chance = 12345;
  const draw = () => { chance = (chance * 1103515245 + 12345) % 2147483648; return chance / 2147483648; };
  const at = Array.from({ length: nodes }, (_, node) => [Math.cos(2 * Math.PI * node / nodes) + 0.1 * draw(), Math.sin(2 * Math.PI * node / nodes) + 0.1 * draw()]);
  const rounds = !pairs.size ? 0 : nodes > 400 ? 40 : 150, ideal = 1 / Math.sqrt(nodes);
  for (let round = 0; round < rounds; round++) {
    const heatNow = 0.2 * (1 - round / rounds), moved = at.map(() => [0, 0]);
    for (let one = 0; one < nodes; one++) for (let other = one + 1; other < nodes; other++) {
      const dx = at[one][0] - at[other][0], dy = at[one][1] - at[other][1], square = dx * dx + dy * dy + 1e-6;
      if (square > 64 * ideal * ideal) continue;
      const push = ideal * ideal / square;
      moved[one][0] += dx * push; moved[one][1] += dy * push; moved[other][0] -= dx * push; moved[other][1] -= dy * push;
    }
    for (const [one, other] of pairs.values()) {
      const dx = at[one][0] - at[other][0], dy = at[one][1] - at[other][1], pull = 0.5 * Math.hypot(dx, dy) / ideal * 0.05;
      moved[one][0] -= dx * pull; moved[one][1] -= dy * pull; moved[other][0] += dx * pull; moved[other][1] += dy * pull;
    }
    for (let node = 0; node < nodes; node++) { const long = Math.hypot(...moved[node]) || 1, step = Math.min(heatNow, long); at[node][0] += moved[node][0] / long * step; at[node][1] += moved[node][1] / long * step; }
  }
  const xs = at.map(([x]) => x), ys = at.map(([, y]) => y), left = smallest(xs), top = smallest(ys);
  const wide = Math.max(1e-6, largest(xs, left) - left), high = Math.max(1e-6, largest(ys, top) - top);
  return new Map(at.map(([x, y], place) => [present[place], [0.04 + 0.92 * (x - left) / wide, 0.04 + 0.92 * (y - top) / high]]));
}
