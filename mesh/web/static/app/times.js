// Times and ages, in the reader's language. Arguments are Unix seconds.
import { t } from "./words.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dated = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const longDay = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const at = (seconds) => new Date(seconds * 1000);
export const dayOf = (seconds) => at(seconds).toDateString();
export const nowSeconds = () => Math.floor(Date.now() / 1000);

export const time = (seconds) => clock.format(at(seconds));
export const exact = (seconds) => full.format(at(seconds));

const daysAgo = (seconds) => Math.round((new Date(dayOf(nowSeconds())) - new Date(dayOf(seconds))) / 86_400_000);

/** Today the time, within six days the weekday, else the date. */
export function short(seconds) {
  const days = daysAgo(seconds);
  if (days === 0) return time(seconds);
  if (days > 0 && days < 7) return weekday.format(at(seconds));
  return (at(seconds).getFullYear() === new Date().getFullYear() ? date : dated).format(at(seconds));
}

/** A time that says its day where that is not today. */
export const timeOfDay = (seconds) => (daysAgo(seconds) === 0 ? time(seconds) : `${short(seconds)} ${time(seconds)}`);

export const day = (seconds) => `${weekday.format(at(seconds))} ${date.format(at(seconds))}`;

export function dayTitle(seconds) {
  const days = daysAgo(seconds);
  return days === 0 ? t("today") : days === 1 ? t("yesterday") : longDay.format(at(seconds));
}

/** How long ago: minutes up to 60, hours up to 24, then days. */
export function age(seconds) {
  const passed = Math.max(0, nowSeconds() - seconds);
  if (passed < 60) return t("age.now");
  if (passed < 3600) return t("age.minutes", { n: Math.floor(passed / 60) });
  if (passed < 86_400) return t("age.hours", { n: Math.floor(passed / 3600) });
  return t("age.days", { n: Math.floor(passed / 86_400) });
}

export function span(seconds) {
  if (seconds < 60) return t("span.seconds", { n: seconds });
  if (seconds < 3600) return t("span.minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 86_400) return t("span.hours", { h: Math.floor(seconds / 3600), m: Math.floor((seconds % 3600) / 60) });
  return t("span.days", { d: Math.floor(seconds / 86_400), h: Math.floor((seconds % 86_400) / 3600) });
}

const UNITS = [[604_800, "weeks"], [86_400, "days"], [3600, "hours"], [60, "minutes"]];

/** How long something lasts that a person chose: in the greatest unit in which it is whole. */
export function lasts(seconds) {
  const [size, unit] = UNITS.find(([each]) => seconds % each === 0) ?? [1, "seconds"];
  return t(`lasts.${unit}`, { n: seconds / size });
}

export const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(count) {
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < SIZES.length - 1) { value /= 1024; unit += 1; }
  return `${value.toLocaleString(undefined, { maximumFractionDigits: value < 10 && unit ? 1 : 0 })} ${SIZES[unit]}`;
}
