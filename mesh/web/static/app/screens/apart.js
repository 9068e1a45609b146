// [05] A stretch of a group's stream that does not count: whoever spoke was out, or had no right any more, and did not know it. One card tells of all of it.
import { html } from "../../vendor/lit-html/lit-html.js";
import { icon } from "../icons.js";
import { change } from "../state.js";
import { exact, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";

/** A single message says it itself. */
const LEAST = 2;

/** The stretches of these items: of each item in one, all that are in it. What was done to the group meanwhile ends none. */
export function stretchesOf(all) {
  const found = new Map();
  let stretch = [];
  const end = () => {
    if (stretch.length >= LEAST) for (const item of stretch) found.set(item.number, stretch);
    stretch = [];
  };
  for (const item of all) {
    if (item.is_apart) stretch.push(item);
    else if (item.kind !== "membership") end();
  }
  end();
  return found;
}

/** Whether its messages are shown. Whoever is led to one of them sees them from then on. */
export function isUnfolded(stream, stretch) {
  const unfolded = (stream.apart ??= new Set());
  if (stretch.some(({ number }) => number === stream.flash)) unfolded.add(stretch[0].number);
  return unfolded.has(stretch[0].number);
}

/** Who, from when to when, how many, and the way to what became void. */
export function apartCard(each, stream, stretch) {
  const isOpen = isUnfolded(stream, stretch);
  const names = [...new Set(stretch.map((item) => (item.isMine ? t("you.by") : item.author.label)))];
  const times = stretch.map(({ sent }) => sent);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const turn = () => { if (isOpen) stream.apart.delete(stretch[0].number); else stream.apart.add(stretch[0].number); change(); };
  return html`<section class="card apart" tabindex="-1" aria-label=${t("apart.title", { n: stretch.length })}><p>${icon("split", 18)} <strong>${t("apart.title", { n: stretch.length })}</strong></p>
    <p class="small">${rich("apart.who", { names: names.join(", ") })} · <time title=${exact(from)}>${timeOfDay(from)}</time> – <time title=${exact(to)}>${timeOfDay(to)}</time></p>
    <p class="small">${t("apart.why")}</p>
    <div class="buttons"><button class="button" aria-expanded=${isOpen} @click=${turn}>${t(isOpen ? "apart.hide" : "apart.show")}</button><a class="button plain" href=${`#/c/${each.number}/group`}>${t("apart.log")}</a></div></section>`;
}
