// [15] A live comparison: seven pictures or three numbers, said by both.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { post } from "../api.js";
import { avatar } from "../avatar.js";
import { doing } from "../dom.js";
import { icon } from "../icons.js";
import { onArrival } from "../router.js";
import { change, state } from "../state.js";
import { loadDetails } from "../sync.js";
import { t } from "../words.js";
import { EMOJI } from "./emoji.js";
import { emptyState } from "./frame.js";
import { partHeader } from "./header.js";

/** One comparison, with a contact or with somebody near: what is shown is the same. */
function comparison({ name, key, told, said, begin, say, matched, back, write }) {
  const waits = { "asked by us": t("compare.wait", { name }), "asked by them": t("compare.asks", { name }), none: "", seen: "" }[told.state];
  const chip = told.state === "compare" ? html`<span class="chip">${icon("eye", 15)}${t("compare.looking", { name })}</span>` : nothing;
  return html`${partHeader({ title: t("compare.header"), back, extra: chip })}<div class="scroll"><div class="page-body">
    ${told.state === "matched" ? html`<div class="empty">${icon("shield-check", 40)}<h3>${matched}</h3>${write ? html`<a class="button main big" href=${write}>${t("person.write")}</a>` : html`<p>${t("nearby.making")}</p>`}</div>`
      : told.state === "failed" ? html`<div class="banner danger" role="alert">${icon("shield-alert", 22)}<p><strong>${told.failure === "said there" ? t("compare.failed.there", { name }) : t("compare.failed")}</strong></p></div><div class="buttons"><button class="button" @click=${begin}>${t("compare.begin")}</button></div>`
      : html`<div class="compare-head">${avatar(name, key, 56)}<div><h3 class="page-title">${t("compare.title", { name })}</h3><p class="lead">${t("compare.how")}</p></div></div>
        ${told.emoji.length ? html`
          <ol class="pictures">${told.emoji.map(([sign, word]) => html`<li class="card">${picture(sign)}<span>${word}</span></li>`)}</ol>
          <div class="card numbers"><span class="small">${t("compare.numbers")}</span><strong>${told.numbers.join(" ")}</strong></div>
          ${said ? html`<p class="lead" role="status">${t("compare.said")} ${t("compare.wait.verdict", { name })}</p>` : html`<div class="equal"><button class="button danger big" @click=${say(false)}>${icon("circle-x", 18)}${t("compare.differ")}</button>
            <button class="button main big" @click=${say(true)}>${icon("circle-check", 18)}${t("compare.same")}</button></div>`}
          <p class="small">${t("compare.foot", { name })}</p>`
        : html`<p class="lead" role="status">${waits}</p>${told.state === "asked by us" ? nothing : html`<div class="buttons"><button class="button main big" @click=${begin}>${t("compare.begin")}</button></div>`}`}`}
  </div></div>`;
}

const picture = (sign) => html`<svg viewBox="0 0 32 32" aria-hidden="true"><use href=${`/pictures/comparison.svg#p${EMOJI.indexOf(sign)}`}></use></svg>`;

/** Whose comparison this person has answered already, so that no button asks again. */
const answered = new Set();

export function comparePage(id) {
  const contact = state.contacts.get(id);
  const details = state.details.get(id);
  if (!contact) return emptyState("", t("err.not-found"));
  const told = details?.comparison ?? { state: "none", emoji: [], numbers: [], failure: "" };
  if (told.state !== "compare") answered.delete(id);
  const put = (answer) => { const now = state.details.get(id); if (now) now.comparison = answer; change(); };
  return comparison({
    name: contact.label, key: contact.key, told, said: answered.has(id), back: `#/people/person/${id}`, write: `#/c/${id}`,
    matched: t("compare.done", { name: contact.label }),
    begin: doing(async () => put(await post(`/v1/contacts/${id}/compare`))),
    say: (isEqual) => doing(async () => { put(await post(`/v1/contacts/${id}/compare/verdict`, { is_equal: isEqual })); if (isEqual) answered.add(id); }),
  });
}

export function compareNearbyPage(id) {
  const told = state.nearby?.people.find((each) => each.id === id);
  if (!told) return html`${partHeader({ title: t("compare.header"), back: "#/people/nearby" })}${emptyState("", t("err.not-near"))}`;
  const key = `near ${id}`;
  if (told.state !== "compare") answered.delete(key);
  const put = (answer) => { state.nearby = { ...state.nearby, people: state.nearby.people.map((each) => (each.id === id ? answer : each)) }; change(); };
  return comparison({
    name: told.name, key: "", told, said: answered.has(key), back: "#/people/nearby", write: told.contact ? `#/c/${told.contact}` : "",
    matched: t("compare.done.nearby", { name: told.name }),
    begin: doing(async () => put(await post(`/v1/nearby/${id}/compare`))),
    say: (isEqual) => doing(async () => { put(await post(`/v1/nearby/${id}/verdict`, { is_equal: isEqual })); if (isEqual) answered.add(key); }),
  });
}

onArrival(async ({ section, parts }) => {
  if (section !== "people" || parts[0] !== "compare" || state.phase !== "ready") return;
  try { await loadDetails(Number(parts[1])); } catch { /* the page says what is missing */ }
  change();
});
