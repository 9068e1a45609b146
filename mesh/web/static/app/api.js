// Asks the daemon behind this page. The token lives as long as the tab.
import { pause } from "./patience.js";
import { state } from "./state.js";

const TOKEN = "mesh-token";
let token = null;
try { token = sessionStorage.getItem(TOKEN); } catch { /* without storage, as long as the page */ }

/** What the daemon refuses, by the type of its problem; `silent` where it does not answer. */
export class Problem extends Error {
  constructor(type, status = 0, detail = "", fields = {}) {
    super(detail || type);
    this.type = type;
    this.status = status;
    this.detail = detail;
    this.fields = fields;
  }
}

export const isSignedIn = () => token !== null;
export const bearer = () => token;

function keep(value) {
  token = value;
  try { value === null ? sessionStorage.removeItem(TOKEN) : sessionStorage.setItem(TOKEN, value); } catch { /* as above */ }
}

export const signOff = () => keep(null);

/** Use up the code behind the `#` of the address, and take it out of the history. */
export async function signIn() {
  const { hash } = location, code = new URLSearchParams(hash.slice(1)).get("code");
  if (!code) return;
  let problem, tries = 0;
  window.isSigningIn = true;
  do {
    if (tries) await pause(1);
    problem = await ask("POST", "/v1/session", { body: { code } }).then((made) => keep(made.token), (refused) => refused);
  } while (problem?.type === "silent" && ++tries < 10);
  window.isSigningIn = false;
  // Loaded again, a page needs the code that nobody took.
  if (!/silent|timeout/.test(problem?.type) && location.hash === hash) history.replaceState(null, "", "#/chats");
  if (problem) throw problem;
}

// A request counts as a person's while somebody uses the page: polling puts no lock off.
let lastTouch = Date.now();
for (const kind of ["pointerdown", "keydown", "pointermove", "wheel"])
  addEventListener(kind, () => { lastTouch = Date.now(); }, { passive: true, capture: true });
export const personIsHere = () => Date.now() - lastTouch < 60_000;

/**
 * Ask for `path`. `query` and `body` are objects; `key` is an idempotency key; `raw` returns the answer itself; `clears` lets it
 * empty what the browser keeps of this page, which it may do only where cookies (there are none) could come along. With `streams`
 * the time is that until an answer begins: whoever reads it with `piecesOf` waits as long as something comes.
 * Throws a Problem; `cancelled` too where it was locked meanwhile: nothing of that answer is shown.
 */
export async function ask(method, path, { query, body, key, signal, seconds = 30, raw = false, streams = false, clears = false, blob } = {}) {
  const address = query ? `${path}?${new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined))}` : path;
  const headers = {};
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (personIsHere()) headers["Mesh-Person"] = "1";
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new DOMException("too late", "TimeoutError")), seconds * 1000);
  const limits = [limit.signal, ...(signal ? [signal] : [])];
  const { locks } = state;
  let answer;
  try {
    answer = await fetch(address, {
      method, headers, body: blob ?? (body === undefined ? undefined : JSON.stringify(body)),
      signal: AbortSignal.any(limits), cache: "no-store", credentials: clears ? "same-origin" : "omit", redirect: "error",
    });
    if (raw && answer.ok) {
      if (streams) clearTimeout(timer);
      return answer;
    }
    const text = await answer.text();
    if (state.locks !== locks && !clears) throw new Problem("cancelled");
    if (answer.ok) return text ? JSON.parse(text) : {};
    throw problemOf(answer.status, text);
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (signal?.aborted) throw new Problem("cancelled");
    if (error.name === "TimeoutError") throw new Problem("timeout");
    throw new Problem("silent");
  }
}

export function problemOf(status, text) {
  const { type = "", detail = "", fields = {} } = JSON.parse(text || "{}");
  return new Problem(type.replace("urn:mesh:problem:", "") || "internal", status, detail, fields);
}

export const get = (path, query, more) => ask("GET", path, { query, ...more });
export const post = (path, body = {}, more) => ask("POST", path, { body, ...more });
export const patch = (path, body, more) => ask("PATCH", path, { body, ...more });
export const remove = (path, query, more) => ask("DELETE", path, { query, ...more });
