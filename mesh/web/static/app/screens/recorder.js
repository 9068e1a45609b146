// Recording a voice note: listened to before it is sent, if one likes. What is recorded stays in the page until then.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { doing, failed } from "../dom.js";
import { icon } from "../icons.js";
import { put } from "../outbox.js";
import { onArrival } from "../router.js";
import { change, onForget, state } from "../state.js";
import { t } from "../words.js";
import "../words_more.js";
import { entryOf, CARRIED_BYTES_MAX } from "./attach.js";
import { focusComposer } from "./composer.js";
import { clock, stop as stopPlaying, voiceNote } from "./voice.js";

/** What a recorder may still bring when it is stopped: half a second has 1,500 bytes. */
const ROOM_BYTES = 25_000;
const BITS_PER_SECOND = 24_000;
const PIECE_MS = 500;
const LOUDNESS_MS = 50;
const PEAKS_MAX = 64;
const FORMS = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus"];

/** What stands in the way of recording, by the name of the browser's error. */
const PROBLEMS = { NotAllowedError: "microphone-denied", SecurityError: "microphone-denied", NotFoundError: "microphone-none", NotReadableError: "microphone-busy" };

/** Go on to a button of the recorder, unless somebody went elsewhere while the browser was asked or wrote. */
const focusOn = (name) => { const at = document.activeElement; if (at === document.body || at.closest(".recorder")) document.querySelector(`.recorder ${name}`)?.focus(); };

/** Ask for the microphone, and begin. `state.recording`: { conversation, phase: asking, running or done, … }. */
export async function record(each) {
  if (state.recording) return;
  const form = FORMS.find((one) => window.MediaRecorder?.isTypeSupported(one));
  if (!form) { failed({ type: "microphone-none" }); return; }
  stopPlaying();
  const made = state.recording = { conversation: each.number, phase: "asking", pieces: [], size: 0, loudness: [], began: 0, isFull: false };
  change(() => document.querySelector(".recorder button")?.focus());
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
  } catch (error) {
    if (state.recording === made) state.recording = null;
    failed({ type: PROBLEMS[error.name] ?? "microphone-none" });
    return;
  }
  // It was given up while the browser asked, or one went elsewhere.
  if (state.recording === made && state.route.conversation !== each.number) { state.recording = null; change(); }
  if (state.recording !== made) { for (const track of stream.getTracks()) track.stop(); return; }
  begin(made, stream, form);
  change(() => focusOn(".stop"));
}

function begin(made, stream, form) {
  const recorder = new MediaRecorder(stream, { mimeType: form, audioBitsPerSecond: BITS_PER_SECOND });
  const context = new AudioContext();
  const meter = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(meter);
  const wave = new Float32Array(meter.fftSize);
  const listening = setInterval(() => {
    meter.getFloatTimeDomainData(wave);
    made.loudness.push(Math.min(1, wave.reduce((most, each) => Math.max(most, Math.abs(each)), 0)));
    paint(made);
  }, LOUDNESS_MS);
  Object.assign(made, {
    phase: "running", began: performance.now(),
    end() { if (recorder.state !== "inactive") recorder.stop(); },
    release() { clearInterval(listening); context.close(); for (const track of stream.getTracks()) track.stop(); },
  });
  recorder.ondataavailable = ({ data }) => {
    made.pieces.push(data);
    made.size += data.size;
    // What no longer fits is never recorded: it stops by itself, and says so.
    if (made.size > CARRIED_BYTES_MAX - ROOM_BYTES) { made.isFull = true; made.end(); }
  };
  // Also when the microphone is taken away.
  for (const track of stream.getTracks()) track.onended = () => made.end();
  recorder.onstop = () => {
    made.length_ms = Math.round(performance.now() - made.began);
    made.release();
    if (state.recording !== made) return;
    const [media_type] = form.split(";");
    made.phase = "done";
    made.entry = entryOf({ name: `voice.${media_type.split("/")[1]}`, media_type, data: new Blob(made.pieces, { type: media_type }), look: "voice", duration_ms: made.length_ms, peaks: peaksOf(made.loudness) });
    change(() => focusOn(".send"));
  };
  recorder.start(PIECE_MS);
}

/** How loud the parts of a note are, 0 to 255, the loudest of all as loud as can be. */
function peaksOf(loudness) {
  const most = Math.max(0.02, ...loudness);
  const count = Math.min(PEAKS_MAX, loudness.length);
  return Array.from({ length: count }, (_, at) => Math.round((255 * Math.max(...loudness.slice(Math.floor((at * loudness.length) / count), Math.max(1, Math.floor(((at + 1) * loudness.length) / count))))) / most));
}

/** Only the meter and the time move: nothing else is drawn anew for them. */
function paint(made) {
  const place = document.querySelector(".recorder");
  if (!place || made.phase !== "running") return;
  place.querySelector("meter").value = made.loudness.at(-1) ?? 0;
  place.querySelector("time").textContent = clock(performance.now() - made.began);
}

/** Give up what is recorded. */
export function discard() {
  const made = state.recording;
  state.recording = null;
  made?.end?.();
  stopPlaying();
  change(focusComposer);
}

onForget(() => { const made = state.recording; state.recording = null; made?.end?.(); });

// Who goes elsewhere is not listened to any more; what was recorded stays here.
onArrival((route) => { if (state.recording && route.conversation !== state.recording.conversation) state.recording.end?.(); });

function send(each, made) {
  // A second press is none: it was sent by the first.
  if (state.recording !== made) return;
  state.recording = null;
  stopPlaying();
  put({ conversation: each.number, text: "", marks: [], reply: undefined, files: [made.entry] });
  change(focusComposer);
}

/** What stands in place of the field while something is recorded in this conversation. */
export function recorderView(each) {
  const made = state.recording;
  const drop = html`<button type="button" class="icon-button small" aria-label=${t("recorder.discard")} title=${t("recorder.discard")} @click=${discard}>${icon("trash-2", 19)}</button>`;
  if (made.phase === "asking") return html`<div class="composer recorder" role="group" aria-label=${t("composer.voice")}><div class="well">${drop}<p class="grow" role="status">${t("recorder.asking")}</p></div></div>`;
  if (made.phase === "running") return html`<div class="composer recorder" role="group" aria-label=${t("composer.voice")}><div class="well">${drop}
    <span class="on" aria-hidden="true"></span><time>${clock(0)}</time><meter class="grow" min="0" max="1" value="0" aria-label=${t("recorder.level")}></meter>
    <button type="button" class="send stop" aria-label=${t("recorder.stop")} title=${t("recorder.stop")} @click=${() => made.end()}>${icon("circle-stop", 21)}</button></div></div>`;
  return html`<div class="composer recorder" role="group" aria-label=${t("composer.voice")}>${made.isFull ? html`<p class="small" role="status">${t("recorder.full")}</p>` : nothing}
    <div class="well">${drop}<div class="grow">${voiceNote(each, null, made.entry)}</div><button type="button" class="send" aria-label=${t("recorder.send")} title=${t("recorder.send")} @click=${doing(() => send(each, made))}>${icon("arrow-up", 20)}</button></div></div>`;
}
