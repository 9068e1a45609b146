// The page where nothing else is shown: before a profile is open, and after.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { icon } from "../icons.js";
import { aroundDrawing, state } from "../state.js";
import { t } from "../words.js";
import { silentBanner } from "./banners.js";
import { layers } from "./frame.js";

export function alone(content, footer) {
  return html`<main class="alone" id="main"><div class="box"><div class="brand">${icon("mesh", 24)}<h1 class="brand-name">${t("app.name")}</h1></div>${content}</div>
    <footer>${footer ?? html`<span>${t("foot.a")}</span><span>${t("foot.b")}</span>`}</footer></main>${layers()}`;
}

// `autofocus` counts only while a page loads; here the field comes later.
let former = null;
aroundDrawing(() => {}, () => {
  const field = document.querySelector(".alone [autofocus]");
  if (field !== former && !state.dialog) field?.focus();
  former = field;
});

export const startingPage = (failed) => alone(html`${state.silentSince ? silentBanner() : failed}<div class="card" aria-busy="true"><p class="lead">${t("starting")}</p></div>`);
