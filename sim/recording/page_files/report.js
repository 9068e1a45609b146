const { report, observed, marks, baseline_us: baseline, thinned } = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["#4c8dd6", "#e0913a", "#58a55c", "#b86bc9", "#d65c5c", "#3aa8a8", "#a38a3a", "#7a7fd1", "#c96b93", "#6f8f4e"];
const byId = (id) => document.getElementById(id);
const probe = document.body.appendChild(document.createElement("i"));
const style = (name) => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color; };
const end = Math.max(1, observed.ended_at_us);
// Of a world that was shrunk only some nodes are ever switched on.
const present = observed.power.length ? [...new Set(observed.power.map(([, node]) => node))].sort((a, b) => a - b) : Array.from({ length: observed.nodes }, (_, node) => node);
let redraws = [];

function showSummary() {
  const isFail = report.verdict === "fail";
  byId("verdict").textContent = isFail ? "Broken" : "Passed";
  byId("verdict").classList.toggle("fail", isFail);
  byId("name").textContent = `${report.scenario}: ${count(report.nodes)} nodes, seed ${report.seed}`;
  byId("subtitle").textContent = report.bug ? `with the planted bug ${report.bug}` : `${seconds(end)} of virtual time, trace ${report.trace_hash}`;
  document.title = `${isFail ? "Broken" : "Passed"}: ${report.scenario}, seed ${report.seed}`;
  const facts = [["messages written", count(report.messages_written)], ["delivered", count(report.messages_delivered)],
    ["bodies for each envelope and node", report.copies_per_delivery.toFixed(2)], ["sent", `${(report.bytes_sent / 1e6).toFixed(1)} MB`],
    ["frames", count(report.frames_sent)], ["events", count(report.events)], ["times real time", count(report.speed_up)]];
  const broken = report.broken.map((one) => `<div class="broken"><strong>${escape(one.id)}: ${escape(one.promise)}</strong><br>${escape(one.detail)}<br>found at ${one.virtual_seconds.toFixed(3)} s${one.node === null ? "" : ` at node ${one.node}`}</div>`).join("");
  const part = thinned.length ? `<p class="note">A page has 5 MB at most, so of this run it draws only: ${escape(thinned.join("; "))}. All that was seen is in observed.json.</p>` : "";
  byId("summary").innerHTML = `${broken}${part}<p>To repeat it: <code>${escape(report.command)}</code></p><dl class="facts">${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>`;
  const rows = ["faults", "watched", "network", "counters", "refusals"].flatMap((group) => Object.entries(report[group] ?? {}).map(([name, value]) => [group, name, value]));
  byId("figures").innerHTML = `<table><thead><tr><th>group</th><th>figure</th><th class="number">value</th></tr></thead><tbody>${rows.map(([group, name, value]) => `<tr><td>${group}</td><td>${escape(name.replaceAll("_", " "))}</td><td class="number">${count(value)}</td></tr>`).join("")}</tbody></table>`;
}

function showSometimes() {
  const rows = Object.entries(marks).map(([mark, words]) => [mark, words, report.sometimes[mark] ?? 0]);
  const reached = rows.filter(([, , times]) => times).length;
  byId("sometimes").innerHTML = `<p>${reached} of ${rows.length} reached.</p><table><thead><tr><th>mark</th><th>situation</th><th class="number">times</th></tr></thead><tbody>${rows.map(([mark, words, times]) => `<tr${times ? "" : ' class="never"'}><td>${escape(mark)}</td><td>${escape(words)}</td><td class="number">${times ? count(times) : "never"}</td></tr>`).join("")}</tbody></table>`;
}

// --- Maps of all nodes over time ----------------------------------------------------------------

const isUpAt = powerIn(observed.power);

function heat(id, colourOf, describe) {
  const canvas = byId(id), samples = observed.samples, rows = Math.max(1, present.length), columns = 1200;
  canvas.setAttribute("aria-label", describe);
  document.querySelector(`[data-axis=${id}]`).innerHTML = [0, 0.25, 0.5, 0.75, 1].map((share) => `<span>${seconds(share * end)}</span>`).join("");
  redraws.push(() => {
    canvas.width = columns; canvas.height = rows;
    const pen = canvas.getContext("2d");
    // What was seen at an instant holds until the next look, so that strikes and states stand above each other.
    const edges = samples.map((sample, place) => (place ? Math.round(sample.at_us / end * columns) : 0)).concat(columns);
    samples.forEach((sample, place) => { present.forEach((node, row) => { const colour = colourOf(sample, node); if (colour) { pen.fillStyle = colour; pen.fillRect(edges[place], row, edges[place + 1] - edges[place], 1); } }); });
  });
}

function showMaps() {
  heat("states", (sample, node) => (isUpAt(node, sample.at_us) ? (sample.parts ? COLOURS[sample.parts[node] % COLOURS.length] : `${COLOURS[2]}55`) : style("--off")), "Which nodes were on, and on which side of a cut");
  const most = largest(observed.samples.map((sample) => largest(sample.backlog)), 1);
  byId("most").textContent = observed.samples.some((sample) => sample.backlog.some(Boolean)) ? `; the darkest are ${most}` : "; nobody waited for long";
  const sides = [...new Set(observed.samples.flatMap((sample) => sample.parts ?? []))].sort((a, b) => a - b);
  byId("sides").innerHTML = [["on", `${COLOURS[2]}55`], ["off", "var(--off)"], ...sides.map((side, place) => [`apart: side ${place + 1}`, COLOURS[side % COLOURS.length]]).slice(0, 8)].map(([name, colour]) => `<li><i style="background:${colour}"></i>${name}</li>`).join("");
  heat("backlog", (sample, node) => (sample.backlog[node] ? `rgba(214, 92, 92, ${0.15 + 0.85 * sample.backlog[node] / most})` : null), `Messages that waited for each node, at most ${most}`);
}

function showStrikes() {
  const kinds = [...new Set(observed.strikes.map(([, kind]) => kind))];
  if (!kinds.length) return nothing("strikes", "Nothing befell this world.");
  // As wide as the map above, so that one instant is one column.
  const row = 30, high = kinds.length * row + 4, x = (at) => at / end * WIDTH, y = (kind) => 18 + kinds.indexOf(kind) * row;
  const totals = new Map(), words = (kind) => escape(kind.replaceAll("_", " "));
  for (const [, kind, times] of observed.strikes) totals.set(kind, (totals.get(kind) ?? 0) + times);
  const lines = kinds.map((kind) => `<text x="0" y="${y(kind)}">${words(kind)}: ${count(totals.get(kind))}</text><line class="grid" x1="0" x2="${WIDTH}" y1="${y(kind) + 9}" y2="${y(kind) + 9}"/>`);
  const marks = observed.strikes.map(([at, kind, times]) => `<rect x="${x(at) - 1.5}" y="${y(kind) + 4}" width="3" height="10" rx="1" fill="${COLOURS[kinds.indexOf(kind) % COLOURS.length]}"><title>${words(kind)}, ${count(times)} at ${seconds(at)}</title></rect>`);
  byId("strikes").innerHTML = `<svg viewBox="0 0 ${WIDTH} ${high}" role="img" aria-label="When what befell">${lines.join("")}${marks.join("")}</svg>`;
}

// --- Charts -------------------------------------------------------------------------------------

const WIDTH = 900, HEIGHT = 280, LEFT = 78, BOTTOM = 34, TOP = 12, RIGHT = 16;
const plotX = (share) => LEFT + share * (WIDTH - LEFT - RIGHT);
const plotY = (share) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);

function chart(id, { lines = [], areas = [], xTicks, yTicks, legend, label }) {
  const grid = yTicks.map(([share, text]) => `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${plotY(share)}" y2="${plotY(share)}"/><text x="${LEFT - 8}" y="${plotY(share) + 4}" text-anchor="end">${text}</text>`).join("")
    + xTicks.map(([share, text]) => `<line class="grid" y1="${TOP}" y2="${HEIGHT - BOTTOM}" x1="${plotX(share)}" x2="${plotX(share)}"/><text x="${plotX(share)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="${share > 0.98 ? "end" : "middle"}">${text}</text>`).join("");
  const drawn = areas.map(({ points, colour, opacity }) => `<path d="${path(points)}Z" fill="${colour}" opacity="${opacity ?? 0.85}"/>`).join("")
    + lines.map(({ points, colour, isDashed }) => `<path d="${path(points)}" fill="none" stroke="${colour}" stroke-width="2"${isDashed ? ' stroke-dasharray="5 4"' : ""}/>`).join("");
  byId(id).innerHTML = `<ul class="legend">${legend.map(([name, colour]) => `<li><i style="background:${colour}"></i>${escape(name)}</li>`).join("")}</ul><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(label)}">${grid}${drawn}</svg>`;
}

function nothing(id, words) { byId(id).innerHTML = `<p class="note">${words}</p>`; }

function showLatencies() {
  const phases = Object.entries(observed.latencies_us).filter(([, times]) => times.length);
  if (!phases.length) return nothing("cdf", "Nothing was delivered.");
  const all = [...phases, ...Object.entries(baseline)].flatMap(([, times]) => times);
  const low = Math.max(100, Math.min(...all)), high = Math.max(low * 10, ...all);
  const x = (us) => plotX(Math.log(Math.max(us, low) / low) / Math.log(high / low));
  // A step for each message: between two of them nothing arrived.
  const curve = (times) => times.flatMap((us, place) => [[x(us), plotY(place / times.length)], [x(us), plotY((place + 1) / times.length)]]);
  chart("cdf", {
    lines: [...phases.map(([, times], place) => ({ points: [[x(low), plotY(0)], ...curve(times)], colour: COLOURS[place] })),
      ...Object.entries(baseline).map(([, times], place) => ({ points: curve(times), colour: COLOURS[place], isDashed: true }))],
    xTicks: logTicks(low, high).map((us) => [Math.log(us / low) / Math.log(high / low), seconds(us)]),
    yTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => [share, `${share * 100} %`]),
    legend: [...phases.map(([name, times], place) => [`${name} (p99 ${seconds(times[Math.ceil(0.99 * times.length) - 1])})`, COLOURS[place]]), ...Object.keys(baseline).map((name, place) => [`${name}, baseline (dashed)`, COLOURS[place]])],
    label: "Distribution of the time from writing to being shown",
  });
}

function showCoverage() {
  const followed = observed.envelopes.filter((one) => one.arrivals.length > 1);
  if (!followed.length) return nothing("coverage", "No envelope was followed.");
  const times = followed.map((one) => one.arrivals.map(([at]) => at - one.arrivals[0][0]).sort((a, b) => a - b));
  const low = 1e3, high = largest(times.map((one) => one.at(-1)), 1e4);
  const steps = Array.from({ length: 120 }, (_, place) => low * (high / low) ** (place / 119));
  const shares = sharesBy(steps, times, present.length);
  const at = (share) => shares.map((sorted, place) => [plotX(place / 119), plotY(Math.min(1, sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]))]);
  chart("coverage", {
    areas: [{ points: [...at(0.1), ...at(0.9).reverse()], colour: COLOURS[0], opacity: 0.25 }],
    lines: [{ points: at(0.5), colour: COLOURS[0] }],
    xTicks: logTicks(low, high).map((us) => [Math.log(us / low) / Math.log(high / low), seconds(us)]),
    yTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => [share, `${share * 100} %`]),
    legend: [[`${followed.length} envelopes`, COLOURS[0]]], label: "Share of nodes that have an envelope over time",
  });
}

function showFrames() {
  const samples = observed.samples;
  const kinds = Object.entries(samples.at(-1)?.bytes_by_frame ?? {}).sort((a, b) => b[1] - a[1]).map(([kind]) => kind);
  if (samples.length < 2 || !kinds.length) return nothing("frames", "Nothing was sent.");
  const shown = kinds.slice(0, 8), rates = ratesOf(samples, kinds, 8);
  const most = Math.max(1, ...rates.map(([, each]) => each.reduce((sum, one) => sum + one, 0)));
  const stack = (row, upto) => row.slice(0, upto).reduce((sum, one) => sum + one, 0) / most;
  const names = kinds.length > 8 ? [...shown, "others"] : shown;
  chart("frames", {
    areas: names.map((_, layer) => ({ colour: COLOURS[layer], points: [...rates.map(([at, row]) => [plotX(at / end), plotY(stack(row, layer + 1))]), ...rates.map(([at, row]) => [plotX(at / end), plotY(stack(row, layer))]).reverse()] })),
    xTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => [share, seconds(share * end)]),
    yTicks: [0, 0.5, 1].map((share) => [share, `${count(share * most / 1e3)} kB/s`]),
    legend: names.map((name, layer) => [name, COLOURS[layer]]), label: "Bytes sent by type of frame over time",
  });
}

// --- The mesh -----------------------------------------------------------------------------------

function showMesh() {
  const canvas = byId("mesh"), slider = byId("time"), choice = byId("envelope"), places = layOut(present, observed.links);
  const links = spansOf(observed.links, end);
  choice.innerHTML = `<option value="">none</option>${observed.envelopes.map((one, place) => `<option value="${place}">${seconds(one.arrivals[0]?.[0] ?? 0)}: node ${one.author}, ${count(one.bytes)} B</option>`).join("")}`;
  let now = 0, isPlaying = false, last = 0;
  const chosen = () => (choice.value === "" ? null : observed.envelopes[Number(choice.value)]);
  const partsAt = (at) => { let parts = null; for (const sample of observed.samples) { if (sample.at_us > at) break; parts = sample.parts; } return parts; };
  const draw = () => {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio; canvas.height = canvas.clientHeight * ratio;
    const pen = canvas.getContext("2d"), at = (node) => { const [x, y] = places.get(node) ?? [0, 0]; return [x * canvas.width, y * canvas.height]; };
    pen.lineWidth = ratio; pen.strokeStyle = style("--line"); pen.beginPath();
    for (const [one, other, from, to] of links) if (from <= now && now < to) { pen.moveTo(...at(one)); pen.lineTo(...at(other)); }
    pen.stroke();
    const envelope = chosen(), have = new Map();
    if (envelope) {
      pen.strokeStyle = style("--accent"); pen.lineWidth = 2 * ratio; pen.beginPath();
      for (const [when, node, from] of envelope.arrivals) if (when <= now && !have.has(node)) { have.set(node, when); if (from >= 0) { pen.moveTo(...at(from)); pen.lineTo(...at(node)); } }
      pen.stroke();
    }
    const parts = partsAt(now), size = Math.max(2, Math.min(7, 90 / Math.sqrt(observed.nodes))) * ratio;
    for (const node of present) {
      const [x, y] = at(node), isUp = isUpAt(node, now);
      pen.beginPath(); pen.arc(x, y, size, 0, 7);
      pen.fillStyle = have.has(node) ? style("--accent") : parts ? COLOURS[parts[node] % COLOURS.length] : COLOURS[2];
      pen.globalAlpha = isUp ? 1 : 0.2; pen.fill(); pen.globalAlpha = 1;
      if (observed.nodes <= 60) { pen.fillStyle = style("--ink"); pen.font = `${11 * ratio}px system-ui`; pen.fillText(node, x + size + 2, y + 4); }
    }
    byId("clock").textContent = seconds(now);
    slider.value = Math.round(1000 * now / end);
  };
  const goTo = (at) => { now = Math.max(0, Math.min(end, at)); draw(); };
  const play = (is) => { isPlaying = is; byId("play").textContent = is ? "Pause" : "Play"; byId("play").setAttribute("aria-pressed", is); last = performance.now(); if (is) requestAnimationFrame(tick); };
  const tick = (when) => { if (!isPlaying) return; goTo(now + (when - last) * 1e3 * Number(byId("speed").value)); last = when; if (now >= end) play(false); else requestAnimationFrame(tick); };
  byId("play").onclick = () => { if (now >= end) goTo(0); play(!isPlaying); };
  slider.oninput = () => goTo(slider.value / 1000 * end);
  choice.onchange = () => { const one = chosen(); showTree(one); if (one) { goTo(one.arrivals.at(-1)?.[0] ?? 0); } else draw(); };
  canvas.onkeydown = (key) => {
    const steps = { ArrowRight: end / 200, ArrowLeft: -end / 200, Home: -end, End: end };
    if (key.key === " ") { key.preventDefault(); byId("play").click(); } else if (key.key in steps) { key.preventDefault(); goTo(now + steps[key.key]); }
  };
  redraws.push(draw);
  if (observed.envelopes.length) { choice.value = "0"; choice.onchange(); } else showTree(null);
}

function showTree(envelope) {
  if (!envelope) return nothing("tree", "No envelope is chosen.");
  const begun = envelope.arrivals[0][0], { depth, order, rows, leaves } = treeOf(envelope.arrivals);
  const deepest = largest([...depth.values()]);
  // Names need room for themselves; where there are too many of them, dots do not.
  const isNamed = order.length <= 120;
  const high = Math.max(60, Math.min(1400, leaves * 14)), wide = isNamed ? Math.max(420, 106 + deepest * 90) : 420, x = (node) => 16 + depth.get(node) / Math.max(1, deepest) * (wide - 90), y = (node) => 10 + (rows.get(node) + 0.5) / Math.max(1, leaves) * (high - 20);
  byId("tree").innerHTML = `<p class="note">From node ${envelope.author} to ${order.length} of ${present.length} nodes in ${seconds(order.at(-1)[0] - begun)}, at most ${deepest} links away.</p><svg style="min-width:${wide}px" viewBox="0 0 ${wide} ${high}" role="img" aria-label="The way of the chosen envelope">${order.map(([, node, from]) => (from >= 0 ? `<path d="M${x(from)} ${y(from)}C${(x(from) + x(node)) / 2} ${y(from)} ${(x(from) + x(node)) / 2} ${y(node)} ${x(node)} ${y(node)}" fill="none" class="grid"/>` : "")).join("")}${order.map(([at, node]) => `<circle cx="${x(node)}" cy="${y(node)}" r="3" fill="${COLOURS[0]}"><title>node ${node}, after ${seconds(at - begun)}</title></circle>${isNamed ? `<text x="${x(node) + 6}" y="${y(node) + 4}">${node} · ${seconds(at - begun)}</text>` : ""}`).join("")}</svg>`;
}

// --- What happened before the end ---------------------------------------------------------------

function showLamport() {
  const broken = report.broken[0];
  byId("before-title").textContent = broken ? `What led to ${broken.id}` : "The last events";
  const known = new Map(observed.last_rows.map((row) => [row[1], row]));
  let rows = observed.last_rows.slice(-200);
  if (broken && broken.node !== null) {
    // Only what could have caused it: back from the last record of the node.
    const kept = causesOf(observed.last_rows, broken.node, 200);
    if (kept.size > 1) rows = observed.last_rows.filter((row) => kept.has(row[1]));
  }
  if (!rows.length) return nothing("lamport", "There is nothing to show.");
  const columns = [...new Set(rows.map((row) => row[3]))].sort((a, b) => a - b);
  const wide = Math.max(600, 90 + columns.length * 130), high = 40 + rows.length * 16, x = (node) => 90 + columns.indexOf(node) * 130, line = new Map(rows.map((row, place) => [row[1], 34 + place * 16]));
  byId("lamport").innerHTML = `<svg style="width:${wide}px" viewBox="0 0 ${wide} ${high}" role="img" aria-label="Events and what caused them">${columns.map((node) => `<text x="${x(node)}" y="14" text-anchor="middle">node ${node}</text><line class="grid" x1="${x(node)}" x2="${x(node)}" y1="20" y2="${high}"/>`).join("")}${rows.map(([, number, , node, , cause]) => (line.has(cause) && known.get(cause)[3] !== node ? `<line x1="${x(known.get(cause)[3])}" y1="${line.get(cause)}" x2="${x(node)}" y2="${line.get(number)}" stroke="${COLOURS[0]}" opacity=".6"/>` : "")).join("")}${rows.map(([at, number, kind, node]) => `<circle cx="${x(node)}" cy="${line.get(number)}" r="3.5" fill="${kind === "crash" ? COLOURS[4] : COLOURS[1]}"><title>#${number}</title></circle><text x="${x(node) + 7}" y="${line.get(number) + 4}">${escape(kind)}</text><text x="4" y="${line.get(number) + 4}">${(at / 1e6).toFixed(3)}</text>`).join("")}</svg>`;
}

function showTheme() {
  const root = document.documentElement;
  byId("theme").onclick = () => { const isDark = root.classList.contains("dark") || (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches); root.classList.toggle("dark", !isDark); root.classList.toggle("light", isDark); redraws.forEach((draw) => draw()); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((draw) => draw()));
  addEventListener("resize", () => redraws.forEach((draw) => draw()));
  // On paper all is light, so what was drawn in the dark is drawn again.
  matchMedia("print").addEventListener("change", () => redraws.forEach((draw) => draw()));
}

showSummary(); showSometimes(); showMaps(); showStrikes(); showLatencies(); showCoverage(); showFrames(); showMesh(); showLamport(); showTheme();
redraws.forEach((draw) => draw());
