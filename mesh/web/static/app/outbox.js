// What a person wrote, until the daemon has it: nothing typed is lost, and nothing is sent twice.
import { patch, post } from "./api.js";
import { fetchPart, ready } from "./later.js";
import { mentionsIn, peopleOf } from "./mentions.js";
import { endsByItself, isFullDisk, Patience } from "./patience.js";
import { change, drawNow, state } from "./state.js";
import { taking } from "./stream.js";
import { read, write } from "./typed.js";

const DRAFT_MS = 300;

export const outgoingOf = (conversation) => state.outgoing.filter((entry) => entry.conversation === conversation && !entry.isSeen);

/** An event may tell of what was written before the answer does: it is not shown twice. */
export function seeOwn(item) {
  const entry = state.outgoing.find((other) => other.conversation === item.conversation && other.isUnderWay && other.text === item.text);
  if (!entry) return;
  entry.isSeen = true;
  follow(entry, item);
}

/** It becomes another element, which whoever stood on it stands on. */
function follow(entry, item) {
  if (document.activeElement?.closest(".message")?.dataset.number !== entry.key) return;
  change(() => document.querySelector(`.message[data-number="${item.number}"]`)?.focus());
}

export const holdsSomething = () => state.outgoing.some((entry) => entry.status !== "refused" || !state.listed || state.conversations.has(entry.conversation)) || state.unsavedDrafts.size > 0 || state.attached.size > 0 || state.recording !== null || state.modes.size > 0;

/** What is written: an edit of an item with its own text, before the draft; or that this replies to one. */
export function modeOf(conversation) {
  const { draft_reply: item } = heldOf(conversation);
  return state.modes.get(conversation) ?? (item ? { kind: "reply", item } : undefined);
}

/** Begin an edit or a reply; without `mode`, give up the edit, or else the reply. */
export function setMode(conversation, mode) {
  const wasEdit = state.modes.delete(conversation);
  if (mode?.kind === "edit") state.modes.set(conversation, mode);
  else if (mode) setDraft(conversation, draftOf(conversation), { number: mode.item.number, text: mode.item.text, gone: "", author: mode.item.author });
  else if (!wasEdit) setDraft(conversation, draftOf(conversation), null);
  // At once, and not with the next frame: the next letter may be typed before it.
  drawNow();
}

/** The text, the marks and the mentions of what was typed, perhaps in place of `item`. A Mesh that reads texts only is sent it with its signs. */
export function wordsOf(conversation, typed, item = null) {
  if (conversation?.reads === 1) return { text: typed, marks: [], mentions: [] };
  const words = read(typed);
  return { ...words, mentions: mentionsIn(words.text, peopleOf(conversation, item)) };
}

export function send(conversation, typed) {
  const { text, marks, mentions } = wordsOf(state.conversations.get(conversation), typed);
  const reply = modeOf(conversation)?.item;
  const files = state.attached.get(conversation) ?? [];
  setDraft(conversation, "", null);
  state.attached.delete(conversation);
  put({ conversation, text, marks, mentions, reply, files });
}

/** Let something go to the daemon as soon as that is there. `files`: as in `state.attached`. */
export function put(told) {
  state.outgoing.push({ ...told, key: crypto.randomUUID(), sent: Math.floor(Date.now() / 1000), status: "unsaved", problem: null });
  change();
  pump();
}

export function again(entry) {
  entry.status = "unsaved";
  entry.problem = null;
  entry.isHandedAgain = false;
  for (const file of entry.files) file.problem = null;
  change();
  pump();
}

function drop(entry) {
  state.outgoing = state.outgoing.filter((other) => other !== entry);
  change();
}

/** Give up what was refused. Its words are the draft again, and its files attached, where there is nothing else. */
export function giveUp(entry) {
  const { conversation, text, marks, reply, files } = entry;
  drop(entry);
  if (!draftOf(conversation).trim()) setDraft(conversation, write(text, marks), reply);
  if (files.length && !state.attached.has(conversation)) state.attached.set(conversation, files);
}

let isPumping = false;
// While the daemon is silent its stream is tried anyway, and says when it is back.
const patience = new Patience(() => { if (!state.silentSince) pump(); });

/** Hand over what waits, in its order. The same key again sends nothing twice. */
export async function pump() {
  ready("attach")?.handOver();
  if (isPumping) return;
  isPumping = true;
  try {
    for (;;) {
      const entry = state.outgoing.find((other) => other.status === "unsaved");
      if (!entry || state.phase !== "ready") return;
      entry.isUnderWay = true;
      try {
        const { conversation, text, marks, mentions, reply, files, key } = entry;
        const numbers = files.length ? await (await fetchPart("attach")).numbersOf(files) : [];
        const item = await taking(post(`/v1/conversations/${conversation}/items`, { kind: "text", text, marks, mentions, files: numbers, reply: reply?.number }, { key }));
        patience.calm();
        follow(entry, item);
        drop(entry);
      } catch (problem) {
        entry.isUnderWay = entry.isSeen = false;
        if (endsByItself(problem) && !(entry.files.length && isFullDisk(problem))) { entry.problem = problem; patience.later(); change(); return; }
        // What was handed over is forgotten after a day, or with a profile that was put back: once more.
        const held = entry.files.filter((file) => file.number && file.data);
        if (problem.type === "not-found" && held.length && !entry.isHandedAgain) {
          entry.isHandedAgain = true;
          for (const file of held) file.number = 0;
          continue;
        }
        entry.status = "refused";
        entry.problem = problem;
      }
      change();
    }
  } finally { isPumping = false; }
}

const timers = new Map();
const draftPatience = new Patience(() => { if (!state.silentSince && state.phase === "ready") saveDrafts(); });

/** What is typed, and what it replies to as that is quoted, under the names that the daemon has for both. */
const heldOf = (conversation) => state.drafts.get(conversation) ?? state.conversations.get(conversation) ?? { draft: "", draft_reply: null };

/** A draft belongs into the vault, shortly after the last key. */
export function setDraft(conversation, draft, reply = heldOf(conversation).draft_reply) {
  const held = heldOf(conversation);
  if (held.draft === draft && held.draft_reply?.number === reply?.number) return;
  state.drafts.set(conversation, { draft, draft_reply: reply });
  state.unsavedDrafts.add(conversation);
  clearTimeout(timers.get(conversation));
  timers.set(conversation, setTimeout(() => saveDraft(conversation), DRAFT_MS));
}

export const draftOf = (conversation) => heldOf(conversation).draft;

async function saveDraft(conversation) {
  const held = heldOf(conversation);
  try {
    const { draft, draft_reply } = await patch(`/v1/conversations/${conversation}`, { draft: held.draft, draft_reply: held.draft_reply?.number ?? 0 });
    const known = state.conversations.get(conversation);
    if (known) Object.assign(known, { draft, draft_reply });
    if (heldOf(conversation) === held) {
      state.unsavedDrafts.delete(conversation);
      if (known) state.drafts.delete(conversation);
    }
    draftPatience.calm();
  } catch (problem) {
    // What it replied to went meanwhile: the words stay.
    if (held.draft_reply && ["gone", "not-found"].includes(problem.type)) setDraft(conversation, draftOf(conversation), null);
    // Too long for a draft: it stays in the page, which asks before it closes.
    if (endsByItself(problem)) draftPatience.later();
  }
  change();
}

/** Save what was typed and is not in the vault yet, now. */
export function saveDrafts() {
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  return Promise.all([...state.unsavedDrafts].map(saveDraft));
}

/** The profile was locked: what is in the vault is not kept here, and what is not yet there goes there once it is open. */
export function lockDrafts() {
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  for (const [conversation, held] of state.drafts) {
    if (!state.unsavedDrafts.has(conversation)) state.drafts.delete(conversation);
    else if (held.draft_reply) held.draft_reply = { number: held.draft_reply.number, text: "", gone: "", author: null };
  }
}
