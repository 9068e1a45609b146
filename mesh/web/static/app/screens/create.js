// [26] Making a poll, a check-in, a task or a notice, and changing a task.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { tell } from "../acts.js";
import { failed, here, openDialog } from "../dom.js";
import { membersOf } from "../groups.js";
import { icon } from "../icons.js";
import { change, onForget, state } from "../state.js";
import { rich, t, told } from "../words.js";
import { put } from "./cards.js";

const OPTIONS_MAX = 12;
const OLD_AFTER_S = 6 * 3600;

const seconds = (local) => (local ? Math.floor(new Date(local).getTime() / 1000) : 0);
const local = (at) => { if (!at) return ""; const there = new Date(at * 1000); return new Date(there - there.getTimezoneOffset() * 60_000).toISOString().slice(0, 16); };
const field = (name, label, inner) => html`<div class="field"><label for=${`new-${name}`}>${label}</label>${inner}</div>`;
const line = (name, label, value = "", isNeeded = false, length = 500) => field(name, label, html`<input type="text" ?autofocus=${["question", "title"].includes(name)} id=${`new-${name}`} name=${name} .value=${value} ?required=${isNeeded} maxlength=${length} dir="auto">`);
const moment = (name, label, at = 0) => field(name, label, html`<input type="datetime-local" id=${`new-${name}`} name=${name} .value=${local(at)}>`);
const tick = (name, label, isOn = false) => html`<label class="pick"><input type="checkbox" name=${name} .checked=${isOn}>${label}</label>`;

/** Who is in a conversation, oneself first: whom a task can be for. */
function peopleOf(each) {
  if (each.kind === "group") return [...membersOf(each.number).values()].map(({ key, label, is_me }) => ({ key, name: label, isMe: is_me })).sort((a, b) => b.isMe - a.isMe);
  const contact = state.contacts.get(each.contact);
  return [{ key: state.identity?.key ?? "", isMe: true }, { key: contact?.key ?? "", name: each.title }].filter(({ key }) => key);
}

/** What was entered into forms that were closed before they were sent: of each its fields. */
const kept = new Map();

/** The keys for what is posted from them: the same words again are the same thing. */
const keys = new Map();

onForget(() => { kept.clear(); keys.clear(); });

const placeOf = ({ name, type, value }) => (type === "checkbox" ? `${name} ${value}` : name);

/** Put into the form that is open what was entered before. */
function fill(fields) {
  for (const element of document.querySelector("#form")?.elements ?? []) {
    const entered = fields.get(placeOf(element));
    if (typeof entered === "boolean") element.checked = entered;
    // A moment that is past would be over at once.
    else if (entered !== undefined && !(element.type === "datetime-local" && seconds(entered) * 1000 < Date.now())) element.value = entered;
  }
}

/**
 * A dialog with a form: what it holds goes to `act(data)`, which may return what comes then if the person is still there. It stays until
 * the answer came; a failure stands in it, and what was typed stays. The hidden button lets Enter send it. What was entered into a form
 * that has a name, `as`, is there again when it is opened again, until it was sent.
 */
export function openForm({ title, acts, view, act, as }) {
  const fields = kept.get(as) ?? new Map();
  const keep = ({ target }) => {
    // A tap beside it throws nothing away.
    made.modal = true;
    if (!as || !target.name) return;
    fields.set(placeOf(target), target.type === "checkbox" ? target.checked : target.value);
    kept.set(as, fields);
  };
  let sending = null;
  let problem = null;
  const send = async (data) => {
    const isHere = here();
    problem = null;
    change();
    try {
      const then = await act(data);
      kept.delete(as);
      // Drawn without the form first: a dialog that comes takes the focus, and gives it back.
      if (isHere() && then) change(then);
    } catch (failure) {
      if (!isOpen(made)) { failed(failure); return; }
      if (!failure.type) console.error(failure);
      problem = failure.type ? failure : { type: "internal" };
      change(() => document.querySelector("#form .failed")?.scrollIntoView({ block: "nearest" }));
    }
  };
  openDialog({
    title, acts, safe: t("cancel"), act: () => { document.querySelector("#form").requestSubmit(); return sending; },
    body: () => html`<form id="form" class="stack choose" aria-busy=${sending ? "true" : nothing} @input=${keep} @submit=${(event) => {
      event.preventDefault();
      // A second press while the first one waits for its answer is none.
      sending ??= send(new FormData(event.target)).finally(() => { sending = null; change(); });
    }}>${view()}${problem ? html`<p class="failed" role="alert">${icon("circle-alert", 18)}<span>${told(problem)}</span></p>` : nothing}<button hidden></button></form>`,
  });
  const made = state.dialog;
  made.modal = fields.size > 0;
  if (fields.size) change(() => fill(fields));
}

/** Whether a dialog is open still, at the top or below another. */
function isOpen(dialog) {
  for (let each = state.dialog; each; each = each.under) if (each === dialog) return true;
  return false;
}

/** A key for what is posted: the same thing again, after a failure, has the same. */
export function keyOf() {
  const keys = new Map();
  return (told) => {
    const as = JSON.stringify(told);
    if (!keys.has(as)) keys.set(as, crypto.randomUUID());
    return keys.get(as);
  };
}

/** Open the form of a kind; of a task that is there, with its values. */
export function create(kind, each, item) {
  const as = `${kind} ${each.number} ${item?.number ?? ""}`;
  const form = FORMS[kind](each, item, kept.get(as));
  const keyFor = keys.get(as) ?? keyOf();
  keys.set(as, keyFor);
  const make = async (told) => { await put(each, told, keyFor(told)); keys.delete(as); };
  openForm({
    // What is there may be another one by then: a change of it begins with what it is.
    as: item ? undefined : as, title: t(item ? "task.change" : form.title), acts: t(item ? "save" : "create.do"), view: form.view,
    act: async (data) => { await (item ? form.change(form.read(data)) : make({ kind, ...form.read(data) })); },
  });
}

const words = (data, name) => String(data.get(name) ?? "").trim();

const FORMS = {
  poll(each, item, entered) {
    let count = 2;
    while (entered?.has(`option${count}`)) count += 1;
    return {
      title: "create.poll",
      view: () => html`${line("question", t("poll.question"), "", true, 300)}
        ${Array.from({ length: count }, (_, at) => line(`option${at}`, t("poll.option", { n: at + 1 }), "", at < 2, 60))}
        ${count < OPTIONS_MAX ? html`<button type="button" class="button plain" @click=${() => { count += 1; change(() => document.querySelector(`#new-option${count - 1}`)?.focus()); }}>${t("poll.add")}</button>` : nothing}
        <p class="small">${t("poll.seen")}</p>${tick("several", t("poll.several.choose"))}${moment("closes", t("poll.closes"))}`,
      read: (data) => ({
        question: words(data, "question"), is_several: data.has("several"), closes: seconds(data.get("closes")),
        options: Array.from({ length: count }, (_, at) => words(data, `option${at}`)).filter(Boolean),
      }),
    };
  },
  "check-in": () => ({
    title: "create.checkin",
    view: () => html`${line("question", t("poll.question"), t("checkin.ask"), true, 300)}
      ${line("fine", t("checkin.answer.fine"), t("checkin.safe"), true, 30)}${line("way", t("checkin.answer.way"), t("checkin.onway"), false, 30)}${line("help", t("checkin.answer.help"), t("checkin.needhelp"), true, 30)}${moment("until", t("checkin.ends"))}`,
    read: (data) => ({
      question: words(data, "question"), until: seconds(data.get("until")), old_after: OLD_AFTER_S,
      answers: ["fine", "way", "help"].map((name, level) => ({ words: words(data, name), level })).filter((answer) => answer.words),
    }),
  }),
  task(each, item) {
    const former = item?.task;
    const people = peopleOf(each);
    const isFor = (key) => Boolean(former?.for.some((person) => person.key === key));
    const now = former && { title: former.title, notes: former.notes, until: former.until, for: former.for.map((person) => person.key) };
    return {
      title: "create.task",
      view: () => html`${line("title", t("task.title"), former?.title, true, 160)}${line("notes", t("task.notes"), former?.notes, false, 1000)}${moment("until", t("task.until"), former?.until)}
        <fieldset class="choose ${people.length > 4 ? "many" : ""}"><legend class="unseen">${t("checkin.who")}</legend>${people.map(({ key, name, isMe }) => html`<label class="pick"><input type="checkbox" name="whom" value=${key} .checked=${isFor(key)}><span>${isMe ? t("task.for.me") : rich("task.for.them", { name })}</span></label>`)}</fieldset>`,
      read: (data) => ({
        title: words(data, "title"), notes: words(data, "notes"), until: seconds(data.get("until")),
        whom: data.getAll("whom"),
      }),
      // Each field is a register of its own: only what differs is said.
      change: async ({ title, notes, until, whom }) => {
        for (const [name, value] of Object.entries({ title, notes, until, for: whom })) {
          if (JSON.stringify(value) === JSON.stringify(now[name])) continue;
          await tell(item, "change", { field: name, value });
          // What was said is not said again, if what comes after it fails.
          now[name] = value;
        }
      },
    };
  },
  notice: () => ({
    title: "create.notice",
    view: () => html`${field("text", t("notice.text"), html`<textarea autofocus id="new-text" name="text" rows="3" required maxlength="600" dir="auto"></textarea>`)}${moment("until", t("notice.ends"))}${tick("urgent", t("notice.isurgent"))}`,
    read: (data) => ({ text: words(data, "text"), until: seconds(data.get("until")), is_urgent: data.has("urgent") }),
  }),
};
