// What stands above a part that is fetched by itself.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { icon } from "../icons.js";
import { t } from "../words.js";

export const partHeader = ({ title, back, actions, extra }) => html`<header class="header">
  ${back ? html`<a class="icon-button back" href=${back} aria-label=${t("back")}>${icon("arrow-left", 22)}</a>` : nothing}
  <h2>${title}</h2>${extra ?? nothing}${actions ?? nothing}</header>`;
