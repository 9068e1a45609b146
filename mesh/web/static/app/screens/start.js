// What is shown while no profile is open, by the phase of the page; it comes with one of them.
import { firstRun } from "./first_run.js";
import { relayPage, signedOutPage, unlockPage, wipedPage, wipeUnknownPage } from "./unlock.js";

export const PHASES = { "signed-out": signedOutPage, "first-run": firstRun, locked: unlockPage, relay: relayPage, wiped: wipedPage, "wipe-unknown": wipeUnknownPage };
export { isWaiting } from "./unlock.js";
