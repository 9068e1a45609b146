// [08] What people decide with: polls, check-ins, tasks and notices, as cards in the stream and on the board.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ref } from "../../vendor/lit-html/directives/ref.js";
import { askTimer, opener, tell } from "../acts.js";
import { get, post } from "../api.js";
import { avatar } from "../avatar.js";
import { confirm, doing, failure, here, openMenu } from "../dom.js";
import { canChange, faceOf, groupOf, isAtLeast, may, membersOf } from "../groups.js";
import { icon } from "../icons.js";
import { markBeside } from "../marks.js";
import { isLine } from "../memberships.js";
import { taking } from "../stream.js";
import { change, onForget, state } from "../state.js";
import { soon } from "../sync.js";
import { body, oneLine } from "../text.js";
import { age, exact, lasts, nowSeconds, time, timeOfDay } from "../times.js";
import { rich, t } from "../words.js";
import { chooseFiles } from "./choosing.js";
import { create, openForm } from "./create.js";
import { checkedIn } from "./everybody.js";
import { glimpse } from "./message.js";
import "../words_more.js";

// With their looks, or what is drawn would move when those come.
await new Promise((resolve) => {
  const looks = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/styles/cards.css", onload: resolve, onerror: resolve });
  document.head.append(looks);
});

const VIEWS = { poll, "check-in": checkIn, task, notice };

/** The card of an item, by its kind. */
export const card = (each, item) => VIEWS[item.kind](each, item);

/** In a group an admin may do more; nobody is one elsewhere. */
const isAdminOf = (each) => each.kind === "group" && isAtLeast(groupOf(each.number), "admin");

const authorOf = (item, each) => (item.author.is_mine ? t("you.by") : item.author.label || each.title);
const head = (glyph, title, line) => html`<div class="card-head">${icon(glyph, 20)}<div class="grow"><strong dir="auto">${body(title)}</strong><span class="small">${line}</span></div></div>`;
/** Now by the time of the mesh, by which ends are meant: the clock of this computer may be wrong. */
const meshSeconds = () => nowSeconds() + (state.status?.clock_offset_seconds ?? 0);
const joined = (facts) => facts.filter(Boolean).join(" · ");

// ---- Polls ----

function poll(each, item) {
  const { question, options, is_several, closes, is_closed, late_count, voters_count, of } = item.poll;
  const until = closes ? t(is_closed ? "poll.closed.at" : "poll.until", { t: timeOfDay(closes) }) : is_closed ? t("poll.closed") : "";
  const vote = (place) => {
    const mine = options.flatMap((option, at) => (option.is_mine ? [at] : []));
    const isMine = mine.includes(place);
    const wanted = is_several ? (isMine ? mine.filter((at) => at !== place) : [...mine, place].sort((a, b) => a - b)) : isMine ? [] : [place];
    return tell(item, "vote", { options: wanted });
  };
  return html`${head("chart-bar", question, joined([t("poll.by", { name: authorOf(item, each) }), t(is_several ? "poll.several" : "poll.one"), until]))}
    <div class="options" role="group" aria-label=${oneLine(question, 200)}>${options.map((option, place) => html`<button class="option" aria-pressed=${option.is_mine} ?disabled=${is_closed || !canChange(each)} title=${option.who.join(", ") + (option.who.length < option.count ? ` +${option.count - option.who.length}` : "")} @click=${doing(() => vote(place))}>
      ${icon(option.is_mine ? "circle-check" : "circle", 18)}<span class="grow" dir="auto">${oneLine(option.text, 200)}</span><span class="count">${option.count}</span>
      <meter min="0" max=${Math.max(1, of)} value=${option.count} aria-label=${t("poll.votes", { n: option.count })}></meter></button>`)}</div>
    <p class="small">${t("poll.known", { n: voters_count, m: of })}${late_count ? ` ${t("poll.late", { n: late_count })}` : nothing}</p>
    ${(item.author.is_mine || isAdminOf(each)) && !is_closed && canChange(each) ? html`<button class="button" @click=${doing(async () => { if (await confirm({ title: t("poll.close.ask"), body: html`<p>${t("poll.close.means")}</p>`, yes: t("poll.close"), danger: false })) await tell(item, "close"); })}>${t("poll.close")}</button>` : nothing}`;
}

// ---- Check-ins ----

/** How somebody is, worst first: a call for help by anybody is one. */
const STANDS = ["help", "none", "way", "old", "fine"];
const GLYPHS = { help: "life-buoy", none: "circle-dashed", way: "forward", old: "history", fine: "circle-check" };
const LEVELS = ["fine", "way", "help"];

function standOf(person, answers) {
  const levelOf = (word) => answers[word.which]?.level ?? 0;
  if ([person.answer, ...person.others].some((word) => word && levelOf(word) === 2)) return "help";
  if (!person.answer) return "none";
  return person.answer.is_old ? "old" : LEVELS[levelOf(person.answer)];
}

/** Beside a few people the stream leads to the board, where all stand. */
const PEOPLE_SHOWN = 4;

/** All who are asked, by the check-in as it was when somebody wanted to see them: it names eight itself. */
const asked = new Map();
onForget(() => asked.clear());

const askAll = async (item) => asked.set(item.number, { told: JSON.stringify(item.check_in), people: await checkedIn(item) });

/** All of them, as long as nothing came since they were asked for; else those whom it names. */
const peopleOf = ({ number, check_in }) => (asked.get(number)?.told === JSON.stringify(check_in) ? asked.get(number).people : check_in.people);

function checkIn(each, item, isBoard = false) {
  const { question, answers, people, of, roll_up, until, old_after } = item.check_in;
  const named = isBoard ? peopleOf(item) : people;
  const stands = named.map((person) => ({ person, stand: standOf(person, answers) })).sort((a, b) => STANDS.indexOf(a.stand) - STANDS.indexOf(b.stand));
  const counts = [["help", roll_up.help], ["none", roll_up.silent], ["way", roll_up.on_the_way], ["old", roll_up.old], ["fine", roll_up.fine]].filter(([, n]) => n);
  const me = people.find((person) => person.is_me);
  const isOver = until && until < meshSeconds();
  // A call for help does not end with the check-in: who called can say that it is over.
  const canSay = me && canChange(each) && (!isOver || standOf(me, answers) === "help");
  const silent = roll_up.silent - Number(Boolean(me) && standOf(me, answers) === "none");
  return html`${head("clipboard-check", question, joined([t("checkin.by", { name: authorOf(item, each), t: timeOfDay(item.sent) }), until ? t(isOver ? "checkin.over" : "checkin.until", { t: timeOfDay(until) }) : "", t("checkin.oldafter", { time: lasts(old_after) })]))}
    <div class="roll" aria-hidden="true">${counts.map(([stand, n]) => html`<span class="stand-${stand}" ${ref((element) => element?.style.setProperty("flex-grow", n))}></span>`)}</div>
    <ul class="legend">${counts.map(([stand, n]) => html`<li class="stand-${stand}">${icon(GLYPHS[stand], 16)}<strong>${n}</strong> ${t(`checkin.${stand}`)}</li>`)}</ul>
    ${isBoard || of <= PEOPLE_SHOWN ? html`<ul class="people">${stands.map(({ person, stand }) => personRow(each, person, stand, answers))}</ul>` : html`<a class="who" href=${`#/c/${each.number}/board`}>${t("checkin.all", { n: of })}</a>`}
    ${isBoard && named.length < of ? html`<button class="button plain" @click=${doing(() => askAll(item))}>${t("checkin.all", { n: of })}</button>` : nothing}
    ${canSay ? html`<div class="buttons">${answers.map((answer, which) => html`<button class="button ${answer.level === 2 ? "danger" : ""}" aria-pressed=${me.answer?.which === which} @click=${doing(() => tell(item, "answer", { which }))}>${icon(GLYPHS[LEVELS[answer.level]], 17)}${oneLine(answer.words, 64)}</button>`)}
      <button class="button plain" @click=${doing(() => sayMore(item))}>${t("checkin.more")}</button></div>` : nothing}
    ${silent && !isOver && canChange(each) && (item.author.is_mine || isAdminOf(each)) ? html`<button class="button" title=${t("checkin.remind.means")} @click=${doing(() => remind(item))}>${icon("bell", 17)}${t("checkin.remind", { n: silent })}</button>` : nothing}
    <p class="small asof">${t("asof", { t: time(nowSeconds()) })}</p>`;
}

const said = (word, answers) => joined([oneLine(answers[word.which]?.words ?? "", 64), word.note ? `“${oneLine(word.note, 200)}”` : "", word.place ? oneLine(word.place, 200) : ""]);

function personRow(each, person, stand, answers) {
  const word = person.answer;
  const isGroup = each.kind === "group";
  const contact = state.contacts.get(each.contact);
  const known = isGroup ? membersOf(each.number).get(person.key) : contact?.key === person.key ? contact : null;
  const heard = Math.max(person.heard, known?.heard ?? 0);
  return html`<li>${avatar(person.label, isGroup ? faceOf(each.number, person.key) : person.key, 28)}<div class="grow"><bdi>${person.is_me ? t("you") : person.label}</bdi>${markBeside(person, each.number)}
    <span class="small" dir="auto">${word ? said(word, answers) : joined([t("checkin.silent"), person.is_me ? "" : heard ? t("heard", { age: age(heard) }) : t("heard.never")])}${word && word.by !== person.key ? ` · ${t("checkin.says", { name: word.by_label })}` : nothing}</span>
    ${person.others.map((other) => html`<span class="small danger" dir="auto">${t("checkin.other", { name: other.by_label })}: ${said(other, answers)}</span>`)}</div>
    ${word ? html`<time class="chip ${stand === "help" ? "danger" : ""}" title=${exact(word.at)}>${icon(GLYPHS[stand], 15)}<span>${age(word.at)}</span></time>` : nothing}</li>`;
}

/** Those who are silent are named in a message that answers to the check-in. */
async function remind(item) {
  await taking(post(`/v1/items/${item.number}/remind`, { text: t("checkin.remind.words") }));
}

/** An answer with a note and a place, for oneself or for somebody else. */
async function sayMore(item) {
  const { answers } = item.check_in;
  const isHere = here();
  const people = await checkedIn(item);
  if (!isHere()) return;
  openForm({
    as: `answer ${item.number}`, title: t("checkin.more"), acts: t("checkin.say"),
    view: () => html`<div class="field"><label for="say-who">${t("checkin.who")}</label><select id="say-who" name="subject" autofocus>${people.map((person) => html`<option value=${person.is_me ? "" : person.key} ?selected=${person.is_me}>${person.is_me ? t("you") : person.label}</option>`)}</select></div>
      <div class="field"><label for="say-which">${t("checkin.answer")}</label><select id="say-which" name="which">${answers.map((answer, which) => html`<option value=${which}>${oneLine(answer.words, 64)}</option>`)}</select></div>
      <div class="field"><label for="say-note">${t("checkin.note")}</label><input type="text" id="say-note" name="note" maxlength="300" dir="auto"></div>
      <div class="field"><label for="say-place">${t("checkin.place")}</label><input type="text" id="say-place" name="place" maxlength="100" dir="auto"></div>`,
    act: async (data) => { await tell(item, "answer", { which: Number(data.get("which")), note: data.get("note"), place: data.get("place"), subject: data.get("subject") }); },
  });
}

// ---- Tasks ----

const TASK_GLYPHS = { open: "square", doing: "square-pen", done: "square-check" };

function task(each, item) {
  const { title, notes, until, state: now, by, at, others } = item.task;
  const isLate = until && until < meshSeconds() && now !== "done";
  const set = (value) => tell(item, "change", { field: "state", value });
  return html`<div class="task ${now}"><button class="check" ?disabled=${!canChange(each)} aria-label=${t(now === "done" ? "task.reopen" : "task.finish")} title=${t(`task.${now}`)} @click=${doing(() => set(now === "done" ? "open" : "done"))}>${icon(TASK_GLYPHS[now], 22)}</button>
    <div class="grow"><span class="title" dir="auto">${body(title)}</span>${notes ? html`<span class="small" dir="auto">${body(notes)}</span>` : nothing}
      <span class="small">${joined([item.task.for.map((person) => (person.is_me ? t("you") : person.label)).join(", ") || t("task.nobody"), now === "open" ? "" : t(`task.${now}.by`, { name: by, t: timeOfDay(at) })])}${until ? html` · <span class=${isLate ? "care" : ""}>${t(isLate ? "task.late" : "task.due", { t: timeOfDay(until) })}</span>` : nothing}</span>
      ${others.map((other) => html`<span class="small care">${t("task.also", { value: other.field === "state" ? t(`task.${other.value}`) : oneLine(other.value, 80), name: other.by })}</span>`)}</div>
    ${canChange(each) ? html`<button class="icon-button small" aria-label=${t("more")} @click=${(event) => openMenu(event, [
      now === "doing" ? null : ["square-pen", t("task.begin"), () => set("doing")],
      now === "open" ? null : ["square", t("task.reopen"), () => set("open")],
      now === "done" ? null : ["square-check", t("task.finish"), () => set("done")],
      ["pencil", t("change"), () => create("task", each, item)],
    ])}>${icon("ellipsis", 18)}</button>` : nothing}</div>`;
}

// ---- Notices ----

/** A page that stays open is not told of an end that comes by itself. */
const isOver = ({ until, is_over }) => is_over || (until > 0 && until <= meshSeconds());

function notice(each, item) {
  return html`<div class="card-head ${item.notice.is_urgent ? "urgent" : ""}">${icon(item.notice.is_urgent ? "triangle-alert" : "pin", 20)}<div class="grow"><strong>${t(item.notice.is_urgent ? "notice.urgent" : "notice.title")}</strong><span class="what" dir="auto">${body(item.notice.text)}</span>
  <span class="small">${joined([t("notice.by", { name: authorOf(item, each) }), item.notice.until ? t(isOver(item.notice) ? "notice.over" : "notice.until", { t: timeOfDay(item.notice.until) }) : ""])}</span></div></div>`;
}

/** The newest notice, above the stream, and the way to all. */
export function noticeBar(each) {
  const notices = (boardOf(each.number)?.items ?? []).filter((item) => item.kind === "notice" && !item.gone && !isOver(item.notice));
  if (!notices.length) return nothing;
  return html`<div class="notice-bar ${notices[0].notice.is_urgent ? "urgent" : ""}" role="note">${icon("pin", 17)}<span class="grow" dir="auto">${rich("notice.line", { text: oneLine(notices[0].notice.text, 200) })}</span><a href=${`#/c/${each.number}/board`}>${t("notice.all", { n: notices.length })}</a></div>`;
}

// ---- The board ----

/** What is on the board of a conversation; asked for when it is first wanted. */
function boardOf(conversation) {
  if (!state.boards.has(conversation)) { state.boards.set(conversation, { items: [], pins: [], hasOlder: false, pages: 1, problem: null }); loadBoard(conversation); }
  return state.boards.get(conversation);
}

/** Which question for a board was asked last: what an earlier one brings is older, whenever it comes. */
const lastAsked = new Map();

export async function loadBoard(conversation, pages = state.boards.get(conversation)?.pages ?? 1) {
  const question = {};
  lastAsked.set(conversation, question);
  let board;
  try {
    const [open, pins] = await Promise.all(["board", "pins"].map((which) => pagesOf(`/v1/conversations/${conversation}/${which}`, pages)));
    board = { items: open.items, pins: pins.items, hasOlder: open.hasOlder || pins.hasOlder, pages, problem: null };
  } catch (problem) { board = { items: [], pins: [], hasOlder: false, pages, problem }; }
  if (lastAsked.get(conversation) !== question) return;
  state.boards.set(conversation, board);
  change();
}

/** What stands on a board that was looked at, or leaves it. */
export function boardChanged(item) {
  const { conversation, number, kind, is_pinned } = item;
  const board = state.boards.get(conversation);
  if (!board || isLine(item) || (kind === "text" && !is_pinned && !board.pins.some((pin) => pin.number === number))) return;
  soon(`board ${conversation}`, () => loadBoard(conversation));
}

/** The first pages of a list that goes on above its last item. */
async function pagesOf(path, count) {
  const items = [];
  for (let page = 0; page < count; page += 1) {
    const told = await get(items.length ? `${path}?before=${items.at(-1).number}` : path);
    items.push(...told.items);
    if (!told.has_older) return { items, hasOlder: false };
  }
  return { items, hasOlder: true };
}

export function boardPage(each) {
  const { items, pins, hasOlder, pages, problem } = boardOf(each.number);
  if (problem) return html`<div class="scroll">${failure(problem, () => { state.boards.delete(each.number); change(); })}</div>`;
  const of = (kind) => items.filter((item) => item.kind === kind && !item.gone);
  const tasks = of("task");
  const group = (title, inner) => html`<section class="card group"><h3>${title}</h3>${inner}</section>`;
  return html`<div class="scroll" tabindex="0"><div class="board">
    ${of("notice").length ? group(t("board.notices"), of("notice").map((item) => notice(each, item))) : nothing}
    ${of("check-in").map((item) => html`<section class="card">${checkIn(each, item, true)}</section>`)}
    ${tasks.length ? group(t("board.tasks", { n: tasks.length }), tasks.map((item) => task(each, item))) : nothing}
    ${of("poll").map((item) => html`<section class="card">${poll(each, item)}</section>`)}
    ${pins.length ? group(t("board.pins"), pins.map((item) => html`<a class="pinned" href=${`#/c/${each.number}/m/${item.number}`}>${icon("pin", 16)}<span class="grow" dir="auto">${glimpse(item)}</span><time>${timeOfDay(item.sent)}</time></a>`)) : nothing}
    ${items.length || pins.length ? nothing : html`<div class="empty">${icon("layout-dashboard", 40)}<p>${t("board.empty")}</p></div>`}
    ${hasOlder ? html`<p>${t("board.more.line")} <button class="button" type="button" @click=${() => loadBoard(each.number, pages + 1)}>${t("board.more")}</button></p>` : nothing}</div>
    <p class="small board-foot">${t("asof", { t: time(nowSeconds()) })}</p></div>`;
}

/** [26] What can be put into a conversation beside words. */
export const createMenu = (event, each) => openMenu(event, [
  ["paperclip", t("attach.file"), () => chooseFiles(each), "", t(each.kind === "group" ? "attach.file.line.group" : "attach.file.line")],
  ["calendar-clock", t("later.ask"), () => opener("scheduled", "askLater")(each), "", t("later.ask.line")],
  ["clipboard-check", t("create.checkin"), () => create("check-in", each), "", t(each.kind === "group" ? "create.checkin.line.group" : "create.checkin.line")],
  ["chart-bar", t("create.poll"), () => create("poll", each), "", t("create.poll.line")],
  ["list-todo", t("create.task"), () => create("task", each), "", t(each.kind === "group" ? "create.task.line.group" : "create.task.line")],
  each.kind === "group" && !isAdminOf(each) ? null : ["pin", t("create.notice"), () => create("notice", each), "", t("create.notice.line")],
  each.kind === "group" && !may(groupOf(each.number), "timer") ? null : ["timer", t("timer.title"), () => askTimer(each)],
]);

/** What was written is shown at once. Whoever tries it again gives the same key. */
export async function put(each, told, key = crypto.randomUUID()) {
  await taking(post(`/v1/conversations/${each.number}/items`, told, { key }));
  loadBoard(each.number);
}
