// Voice notes in messages: a waveform that is the progress. Nothing plays by itself, and one at a time.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ref } from "../../vendor/lit-html/directives/ref.js";
import { ask, Problem } from "../api.js";
import { doing, failed } from "../dom.js";
import { icon } from "../icons.js";
import { onArrival } from "../router.js";
import { onForget, state } from "../state.js";
import { bytes } from "../times.js";
import { t } from "../words.js";
import { buttons, progressOf } from "./files.js";

const BARS = 46;
const HEIGHT = 26;

/** The one that plays or was played last: { name, audio, address, length_ms, conversation, isSought }. */
let player = null;

/** The name of the one that was asked for last and is on its way; null once nobody waits for it. */
let wanted = null;

const isWhole = (file) => ["new", "here"].includes(file.state);

export const clock = (ms) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;

/** So many bars as fit, each as high as its part is loud. */
function barsOf(peaks) {
  const told = peaks.length ? peaks : [64];
  return Array.from({ length: BARS }, (_, at) => {
    const parts = told.slice(Math.floor((at * told.length) / BARS), Math.max(Math.floor((at * told.length) / BARS) + 1, Math.floor(((at + 1) * told.length) / BARS)));
    const height = Math.max(3, (Math.max(...parts) / 255) * HEIGHT);
    return `M${at * 5 + 1.5} ${(HEIGHT - height) / 2 + 1.5}v${Math.max(0.1, height - 3)}`;
  }).join("");
}

/** The waveform twice: in grey, and in colour up to where it has been played. `name` is of its cut. */
export function waveform(peaks, name) {
  const path = barsOf(peaks);
  return html`<svg class="waveform" viewBox="0 0 ${BARS * 5} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><clipPath id=${`cut-${name}`}><rect class="played" width="0" height=${HEIGHT}></rect></clipPath><path d=${path}></path><path class="over" d=${path} clip-path=${`url(#cut-${name})`}></path></svg>`;
}

/** What names a note while it is played. */
const nameOf = (file) => file.key ?? String(file.number);

/** A note with its player; `item` is null where it stands in none yet. */
export function voiceNote(each, item, file) {
  const name = nameOf(file);
  const { words, at, of, kind = "" } = item ? progressOf(each, item, file) : { words: "" };
  const length = clock(file.duration_ms);
  const isOpen = file.data || isWhole(file);
  return html`<div class="voice ${kind}" data-voice=${name} ${ref((element) => { if (element && player?.name === name) queueMicrotask(show); })}>
    <button class="play" aria-label=${t("voice.play", { time: length })} ?disabled=${!isOpen} @click=${doing(() => toggle(file))}>${icon("play", 20)}${icon("pause", 20)}</button>
    <div class="grow"><div class="wave">${waveform(file.peaks ?? [], name)}<input type="range" min="0" max=${Math.max(1, file.duration_ms)} step="500" value="0" aria-label=${t("voice.place")} aria-valuetext=${clock(0)} ?disabled=${!isOpen} @keydown=${ownKeys} @input=${(event) => seek(file, Number(event.target.value))}></div>
      <div class="times"><span class="now">${clock(0)}</span><span>${length}</span></div>
      ${words ? html`${of ? html`<progress max=${of} value=${at} aria-label=${t("look.voice")}></progress>` : nothing}<span class="small">${bytes(file.size)} · <span class="told">${words}</span></span>` : nothing}</div>
    ${isOpen ? nothing : buttons(each, item, file)}</div>`;
}

/** On the slider arrows, Home and End are its own, and do not lead to other messages. */
function ownKeys(event) {
  if (!event.altKey && /^(Arrow|Home|End|Page)/.test(event.key)) event.stopPropagation();
}

/** Play or pause the voice note of an item, if it has one; returns whether it has. */
export function toggleVoice(item) {
  const file = item.files?.find((one) => one.look === "voice" && isWhole(one));
  if (file) doing(() => toggle(file))();
  return Boolean(file);
}

async function toggle(file) {
  const { audio } = await playerOf(file);
  if (!audio.paused) audio.pause();
  // Whoever pauses, sends or leaves before it sounds wants just that; what cannot be played says so itself.
  else await audio.play().catch((problem) => { if (!["AbortError", "NotSupportedError"].includes(problem.name)) throw problem; });
}

async function seek(file, ms) {
  const one = await playerOf(file).catch((problem) => { failed(problem); });
  if (!one) return;
  one.isSought = true;
  one.audio.currentTime = ms / 1000;
  show();
}

/** What others sent is never given to the browser as anything but sound. */
const SOUND = "audio/webm";

async function playerOf(file) {
  const name = nameOf(file);
  wanted = name;
  if (player?.name === name) return player;
  const data = file.data ?? await (await ask("GET", `/v1/files/${file.number}`, { raw: true, seconds: 60 })).arrayBuffer();
  if (wanted !== name) throw new Problem("cancelled");
  if (player?.name === name) return player;
  const address = URL.createObjectURL(new Blob([data], { type: SOUND }));
  stop();
  const audio = new Audio(address);
  const made = player = { name, audio, address, length_ms: file.duration_ms, conversation: state.route.conversation };
  for (const kind of ["play", "pause", "seeked"]) audio.addEventListener(kind, () => { if (player === made) tick(); });
  audio.addEventListener("play", () => { made.isSought = false; });
  // Played to its end it stands at its beginning again; moved there by hand it stays.
  audio.addEventListener("ended", () => { if (!made.isSought) audio.currentTime = 0; });
  audio.addEventListener("error", () => { if (player === made) { stop(); failed({ type: "no-sound" }); } });
  return made;
}

export function stop() {
  wanted = null;
  if (!player) return;
  const { audio, address, name, length_ms } = player;
  player = null;
  audio.pause();
  audio.removeAttribute("src");
  URL.revokeObjectURL(address);
  paint(name, 0, length_ms || 1, false);
}

onForget(stop);
// Where one is no longer, nothing goes on playing.
let conversation;
onArrival((route) => {
  if (route.conversation !== conversation) wanted = null;
  ({ conversation } = route);
  if (player && player.conversation !== conversation) player.audio.pause();
});

/** While it plays, its place is shown with each frame: nothing else is drawn anew for it. */
function tick() {
  show();
  if (player && !player.audio.paused) requestAnimationFrame(tick);
}

function show() {
  if (!player) return;
  const { audio, name, length_ms } = player;
  // A note of the recorder does not say how long it is; its author did.
  const length = length_ms || (Number.isFinite(audio.duration) ? audio.duration * 1000 : 1);
  paint(name, Math.min(length, audio.currentTime * 1000), length, !audio.paused);
}

function paint(name, ms, length, isPlaying) {
  const place = document.querySelector(`[data-voice="${name}"]`);
  if (!place) return;
  place.toggleAttribute("data-playing", isPlaying);
  place.querySelector(".play").setAttribute("aria-label", t(isPlaying ? "voice.pause" : "voice.play", { time: clock(length) }));
  place.querySelector(".played").setAttribute("width", String((ms / length) * BARS * 5));
  place.querySelector(".now").textContent = clock(ms);
  const slider = place.querySelector("input");
  if (slider.value !== String(Math.round(ms))) slider.value = String(Math.round(ms));
  slider.setAttribute("aria-valuetext", clock(ms));
}
