// How the page looks and behaves in this browser. Nothing of people or messages is kept here.
import { change, state } from "./state.js";

const PLACE = "mesh-preferences";
const DEFAULTS = { theme: "system", text: "normal", density: "normal", enterSends: true, letters: true, notify: false, notifyText: false };

export function loadPreferences() {
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(PLACE) ?? "{}"); } catch { /* damaged: the defaults hold */ }
  state.preferences = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS)) if (typeof kept[name] === typeof DEFAULTS[name]) state.preferences[name] = kept[name];
  apply();
}

export function prefer(name, value) {
  state.preferences[name] = value;
  try { localStorage.setItem(PLACE, JSON.stringify(state.preferences)); } catch { /* it holds until the page is closed */ }
  apply();
  change();
}

function apply() {
  const { theme, text, density } = state.preferences;
  const set = document.documentElement.dataset;
  set.theme = theme;
  set.text = text;
  set.density = density;
}
