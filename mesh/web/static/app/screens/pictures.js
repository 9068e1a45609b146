// Pictures in messages, as the daemon drew them anew, and the viewer of one conversation's pictures.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ref } from "../../vendor/lit-html/directives/ref.js";
import { ask } from "../api.js";
import { openDialog } from "../dom.js";
import { icon } from "../icons.js";
import { change, onForget } from "../state.js";
import { streamOf } from "../stream.js";
import { oneLine } from "../text.js";
import { bytes, timeOfDay } from "../times.js";
import { t } from "../words.js";
import { nameOfAuthor } from "./message.js";
import { buttons, progressOf, saveFile } from "./files.js";

const SIDE = 320;
const SIDE_LARGE = 1600;
const KEPT = 120;
const AGAIN_MS = 5000;

/** Addresses of what the daemon drew, by item, file, size and whether all of it was here; the oldest go. "" where nothing can be drawn. */
const drawn = new Map();
const asked = new Map();
const letGo = (address) => { if (address) URL.revokeObjectURL(address); };
onForget(() => { for (const address of drawn.values()) letGo(address); drawn.clear(); });

/** What was drawn of an item that is gone is let go. */
export function forgetPictures(item) {
  for (const [key, address] of drawn) if (key.startsWith(`${item} `)) { letGo(address); drawn.delete(key); }
}

const isWhole = (file) => ["new", "here"].includes(file.state);
const keyOf = (file, side) => `${file.item} ${file.number} ${side} ${isWhole(file)}`;

/** Whether there is anything to be seen of a picture: else it is shown as a file. */
export const isShown = (file) => file.number > 0 && file.width > 0 && file.height > 0 && drawn.get(keyOf(file, SIDE)) !== "" && (isWhole(file) || file.has_preview || file.colours.length > 0);

/** Ask for a picture once; resolves to its address, or "". */
function address(file, side) {
  const key = keyOf(file, side);
  if (drawn.has(key)) return Promise.resolve(drawn.get(key));
  if (!asked.has(key)) {
    asked.set(key, ask("GET", `/v1/files/${file.number}/picture`, { query: { side }, raw: true, seconds: 60 })
      .then((answer) => answer.blob()).then((blob) => URL.createObjectURL(blob), (problem) => (problem.type === "not-found" ? "" : null))
      .then((made) => {
        asked.delete(key);
        if (made === null) return "";
        drawn.set(key, made);
        for (const [old, place] of drawn) { if (drawn.size <= KEPT) break; drawn.delete(old); letGo(place); }
        // Nothing can be drawn: it is a file like others.
        if (!made) change();
        return made;
      }));
  }
  return asked.get(key);
}

// Only what is near the screen is drawn: each picture costs a process of the daemon.
const wanted = new WeakMap();
const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const file = wanted.get(target);
    if (!isIntersecting || !file) continue;
    near.unobserve(target);
    fill(target, file);
  }
}, { rootMargin: "800px" });

async function fill(image, file) {
  const key = keyOf(file, SIDE);
  const place = await address(file, SIDE);
  if (image.dataset.key !== key) return;
  if (place) image.src = place;
  // It failed, and may be had later: the daemon is busy, or begins anew.
  else if (image.isConnected && !drawn.has(key)) setTimeout(() => near.observe(image), AGAIN_MS);
}

/** Give an image what it shall show, as soon as it is near; another one only when more of it is here. */
const shows = (file) => ref((image) => {
  const key = keyOf(file, SIDE);
  if (!image || image.dataset.key === key) return;
  image.dataset.key = key;
  wanted.set(image, file);
  near.observe(image);
});

/** The size in which a picture stands in a bubble. */
function fitted({ width, height }) {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  return [Math.max(48, Math.round(width * scale)), Math.max(32, Math.round(height * scale))];
}

/** The nine mean colours as a blurred picture: shapes of SVG, since no style may stand in the page. */
const colours = (file) => (/^(#[0-9a-f]{6}){9}$/.test(file.colours.join("")) ? html`<svg class="colours" viewBox="0 0 3 3" preserveAspectRatio="none" aria-hidden="true">${file.colours.map((colour, at) => html`<svg x=${at % 3} y=${Math.floor(at / 3)} width="1.02" height="1.02"><rect width="1.02" height="1.02" fill=${colour}></rect></svg>`)}</svg>` : nothing);

/** What is seen of a picture; once it is whole it opens among `all`. */
export function seen(each, item, file, all) {
  const [width, height] = fitted(file);
  const label = altOf(each, item);
  const inner = html`${colours(file)}<img alt=${label} width=${width} height=${height} decoding="async" ${shows(file)}>`;
  return isWhole(file) ? html`<button class="view" aria-label=${t("picture.open", { name: label })} @click=${() => view(each, file, all)}>${inner}</button>` : html`<div class="view">${inner}</div>`;
}

export function picture(each, item, file) {
  const { words, at, of } = progressOf(each, item, file);
  const isOpen = isWhole(file);
  return html`<div class="picture" data-file=${file.number}>${seen(each, item, file, () => picturesOf(streamOf(each.number).items))}
    ${isOpen && !of ? nothing : html`<div class="under-picture"><div class="grow">${of ? html`<progress max=${of} value=${at} aria-label=${oneLine(file.name, 64)}></progress>` : nothing}<span class="small">${bytes(file.size)}${words ? html` · <span class="told">${words}</span>` : nothing}</span></div>${isOpen ? nothing : buttons(each, item, file)}</div>`}</div>`;
}

const altOf = (each, item) => oneLine(item.text, 120) || t("picture.from", { name: nameOfAuthor(item, each) });

// ---- The viewer ----

/** All pictures of these items that are whole. */
export const picturesOf = (items) => items.flatMap((item) => (item.gone ? [] : (item.files ?? []).filter((file) => file.look === "picture" && isWhole(file)).map((file) => ({ item, file }))));

function view(each, file, all) {
  let number = file.number;
  let shown = "";
  /** Its place among all; -1 once it is not there any more. */
  const place = () => all().findIndex((one) => one.file.number === number);
  const load = async () => {
    const wanted = number;
    shown = "";
    change();
    const found = all()[place()];
    const made = found ? await address(found.file, SIDE_LARGE) : "";
    if (number !== wanted) return;
    shown = made;
    change();
  };
  const step = (by) => {
    const next = all()[place() + by];
    if (!next) return;
    number = next.file.number;
    load();
  };
  const keys = (event) => {
    const isBack = document.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") { event.preventDefault(); step(event.key === isBack ? -1 : 1); }
  };
  addEventListener("keydown", keys);
  openDialog({
    look: "viewer", title: t("look.picture"), safe: t("close"), closed: () => removeEventListener("keydown", keys),
    also: { words: t("save"), act: () => { const found = all()[place()]; return found && saveFile(each, found.item, found.file); } },
    body: () => {
      const found = all()[place()];
      if (!found) return html`<p role="alert">${t("err.not-found")}</p>`;
      const at = place();
      return html`<figure>${shown ? html`<img src=${shown} alt=${altOf(each, found.item)}>` : html`<p aria-busy="true">${t("loading")}</p>`}
        <figcaption><button class="icon-button" aria-label=${t("picture.before")} ?disabled=${at === 0} @click=${() => step(-1)}>${icon("chevron-left", 22)}</button>
          <span class="grow" dir="auto">${oneLine(found.item.text, 200)} <span class="small">${t("picture.place", { n: at + 1, m: all().length, name: nameOfAuthor(found.item, each), t: timeOfDay(found.item.sent) })}</span></span>
          <button class="icon-button" aria-label=${t("picture.after")} ?disabled=${at === all().length - 1} @click=${() => step(1)}>${icon("chevron-right", 22)}</button></figcaption></figure>`;
    },
  });
  load();
}
