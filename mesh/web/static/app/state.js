// All that the page knows, in one place, and the one way to draw it anew.
import { render } from "../vendor/lit-html/lit-html.js";

export const state = {
  /** starting, signed-out, first-run, locked, ready, relay, wiped, wipe-unknown */
  phase: "starting",
  /** When the daemon fell silent (Unix seconds, 0: it answers), and when it is asked again. */
  silentSince: 0, retryAt: 0,
  /** How often it was locked. */
  locks: 0,
  status: null, identity: null,
  /** ConversationAnswer by number, ContactAnswer by id. */
  conversations: new Map(), contacts: new Map(),
  /** GroupAnswer by conversation; of each, MemberAnswer by key, once somebody asked: see groups.js. */
  groups: new Map(), members: new Map(),
  /** KnockAnswer and MemberLetterAnswer by group. */
  knocks: new Map(),
  listed: false, listFailed: null, filter: "all",
  /** Stream by conversation: see stream.js. */
  streams: new Map(),
  /** What is on its way to the daemon, in the order in which it was written. */
  outgoing: [],
  drafts: new Map(), unsavedDrafts: new Set(), modes: new Map(),
  /** Files that go with what is written next, by conversation: see screens/attach.js. */
  attached: new Map(),
  /** What is recorded now: see screens/recorder.js. */
  recording: null,
  invites: null, introductions: null, nearby: null, peers: null, doctor: null, settings: null, tokens: null, room: null, profiles: null,
  details: new Map(),
  /** What is open on the board of a conversation, and pinned in it: see screens/cards.js. */
  boards: new Map(),
  route: { section: "chats", parts: [] },
  toasts: [], dialog: null, menu: null, announcement: "",
  /** What is sought, and where: see screens/search.js. */
  search: null,
  /** Sentences of the node that a person should know, until they were put away. */
  notices: [],
  preferences: null,
};

let root = null;
let draw = null;
let planned = false;
const afterwards = [];
const around = [];

/** Call `before` ahead of each drawing and `after` behind it: for what keeps its place on the screen. */
export const aroundDrawing = (before, after) => around.push({ before, after });

export function begin(element, template) {
  root = element;
  draw = template;
  change();
}

/** Draw the page before the next frame; `then` runs when it is drawn. */
export function change(then) {
  if (then) afterwards.push(then);
  if (planned || !root) return;
  planned = true;
  // A page in the background gets no frames, and its title and marks must go on.
  if (document.hidden) setTimeout(drawNow, 100);
  else requestAnimationFrame(drawNow);
}

export function drawNow() {
  planned = false;
  for (const each of around) each.before();
  render(draw(), root);
  for (const each of around) each.after();
  for (const then of afterwards.splice(0)) then();
}

// Enter acts on what stands there: a button that the last letter frees must be drawn as such.
addEventListener("keydown", (event) => { if (planned && event.key === "Enter") drawNow(); }, { capture: true });

const forgetters = [];

/** Call `work` when the profile is locked: for what is kept outside this state. */
export const onForget = (work) => forgetters.push(work);

/** Forget all that a locked profile must not show. */
export function forget() {
  state.locks += 1;
  for (const work of forgetters) work();
  for (const map of [state.conversations, state.contacts, state.groups, state.members, state.knocks, state.streams, state.details, state.boards]) map.clear();
  Object.assign(state, {
    identity: null, invites: null, introductions: null, nearby: null, peers: null, doctor: null, settings: null,
    tokens: null, room: null, profiles: null, listed: false, listFailed: null, dialog: null, menu: null, toasts: [],
    announcement: "", search: null, notices: [],
  });
}
