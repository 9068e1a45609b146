// Icons: those of Lucide, and four of our own.
import { html, svg } from "../vendor/lit-html/lit-html.js";
import { shapes } from "../vendor/lucide/shapes.js";

const own = {
  mesh: svg`<circle cx="12" cy="4.6" r="2.6"/><circle cx="4.8" cy="17.5" r="2.6"/><circle cx="19.2" cy="17.5" r="2.6"/><circle cx="12" cy="13" r="2.4" fill="currentColor"/><path d="M12 7.2v3.6M7.1 16.2l2.9-1.8M16.9 16.2l-2.9-1.8"/>`,
  carried: svg`<circle cx="5" cy="18" r="2.6"/><circle cx="12" cy="6" r="2.6"/><circle cx="19" cy="18" r="2.6"/><path d="M6.3 15.7l4.4-7.4M13.3 8.3l4.4 7.4M7.6 18h8.8"/>`,
  part: svg`<circle cx="12" cy="12" r="8" stroke-width="4.5" opacity=".35"/>`,
  read: svg`<rect x=".5" y="4" width="23" height="16" rx="8" fill="currentColor" stroke="none"/><path class="cut" d="M5.6 12.4l2.9 2.9 5.7-5.9M11.6 14.4l.9.9 5.9-5.9"/>`,
};

/** Icons that show a direction of reading, and are turned where that is from right to left. */
const mirrored = new Set(["arrow-left", "chevron-left", "chevron-right", "reply", "undo-2", "log-out", "panel-right"]);

/** A ring of which n of m are filled, in one of eight steps: what is not all is never shown as all. */
export function partIcon(n, m, size = 15) {
  const filled = n <= 0 || m <= 0 ? 0 : n >= m ? 8 : Math.min(7, Math.max(1, Math.round((8 * n) / m)));
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">${own.part}${filled ? svg`<circle cx="12" cy="12" r="8" stroke-width="4.5" stroke-linecap="butt" pathLength="8" stroke-dasharray=${`${filled} ${8 - filled}`} transform="rotate(-90 12 12)"/>` : ""}</svg>`;
}

/** An icon that readers of the screen pass over; words stand beside it. `size` in CSS pixels. */
export const icon = (name, size = 20) => html`<svg class="icon ${mirrored.has(name) ? "mirrored" : ""}" width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">${own[name] ?? shapes[name]}</svg>`;
