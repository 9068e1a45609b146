// What reading and writing do not need comes when asked for, and all of it once the page is calm: it stays when the daemon falls silent.
import { Problem } from "./api.js";
import { Patience } from "./patience.js";
import { arriveAgain } from "./router.js";
import { change, state } from "./state.js";

const PARTS = {
  start: () => import("./screens/start.js"), all_keys: () => import("./screens/all_keys.js"),
  people: () => import("./screens/people.js"), network: () => import("./screens/network.js"), settings: () => import("./screens/settings.js"),
  search: () => import("./screens/search.js"), asking: () => import("./screens/asking.js"), cards: () => import("./screens/cards.js"),
  details: () => import("./screens/details.js"), groups: () => import("./screens/groups.js"), group_links: () => import("./screens/group_links.js"), files: () => import("./screens/files.js"), attach: () => import("./screens/attach.js"), recorder: () => import("./screens/recorder.js"), scheduled: () => import("./screens/scheduled.js"), notify: () => import("./notify.js"), situation: () => import("./screens/situation.js"),
};
const loaded = {};
const loading = {};
const failures = {};
const STUCK = 3;
const patience = new Patience(fetchAll);

let besides = null;
let looks = null;

/** What all parts look like, and their icons. */
const fetchBesides = () => Promise.all([import("../vendor/lucide/shapes_more.js"), looks ??= new Promise((resolve, reject) => {
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/styles/screens.css", onload: resolve, onerror: reject }));
}).catch((failure) => { looks = null; throw failure; })]);

/** The module of a part; while it is not here, undefined, and the page is drawn again when it is. */
export function part(name) {
  if (!loaded[name]) fetchPart(name).catch(() => patience.later());
  return loaded[name];
}

/** Whether a part does not come though the daemon answers: some browsers remember what failed while a page lives. */
export const isStuck = (name) => failures[name] >= STUCK && !state.silentSince;

/** The module of a part if it is here; nothing is fetched. */
export const ready = (name) => loaded[name];

/** Wait for a part. Throws the problem `silent` if the daemon does not give it. */
export async function fetchPart(name) {
  if (loaded[name]) return loaded[name];
  besides ??= fetchBesides().catch((failure) => { besides = null; throw failure; });
  loading[name] ??= Promise.all([PARTS[name](), besides]).then(([module]) => {
    loaded[name] = module;
    // A section that came late is told again where one is: once, however many wait for it.
    if (state.route.section === name) arriveAgain();
    else change();
  }, () => {
    failures[name] = (failures[name] ?? 0) + 1;
    if (failures[name] === STUCK) change();
    throw new Problem("silent");
  }).finally(() => { delete loading[name]; });
  await loading[name];
  return loaded[name];
}

/** Fetch what is not here yet, and wait until all has come or failed; what failed is tried again. */
export async function fetchAll() {
  const told = await Promise.allSettled(Object.keys(PARTS).map(fetchPart));
  if (told.every(({ status }) => status === "fulfilled")) patience.calm();
  else patience.later();
}
