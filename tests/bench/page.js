// Notes when what is looked for first stands in the page, in milliseconds of the wall clock.
window.noted = {};
window.until = async (holds) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
};
window.now = () => performance.timeOrigin + performance.now();
addEventListener("keydown", (event) => { if (event.key === "Enter") noted.enter = now(); }, true);
new MutationObserver(() => {
  if (!noted.usable && document.querySelector(".list a.row")) noted.usable = performance.now();
  if (!window.wanted) return;
  for (const words of [...document.querySelectorAll(".message .words")].slice(-3))
    if (words.textContent === wanted) noted[wanted] ??= now();
}).observe(document, { subtree: true, childList: true, characterData: true });
window.scrollThrough = (seconds) => new Promise((resolve) => {
  const box = document.querySelector(".stream");
  const frames = [];
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask" });
  const begun = performance.now();
  let former = begun;
  const step = (at) => {
    frames.push(at - former);
    former = at;
    box.scrollTop -= 240;
    if (at - begun < seconds * 1000) requestAnimationFrame(step);
    else resolve({ frames: frames.slice(1), tasks, shown: document.querySelectorAll(".message").length });
  };
  requestAnimationFrame(step);
});
