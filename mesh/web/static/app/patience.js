// What could not be handed over goes by itself: which failures end by themselves, and when it is tried again.
const WAITING = new Set(["silent", "timeout", "stopping", "locked", "cancelled", "signed-out", "busy", "storage"]);
const PAUSES_S = [1, 2, 5, 10, 30];

/** There is no room on the disk; `disk-changed` says when there is. */
export const isFullDisk = (problem) => problem.type === "no-room" && problem.fields?.reason === "disk";

/** Whether what was refused so is taken later, without anything that a person does in the page. */
export const endsByItself = (problem) => WAITING.has(problem.type) || isFullDisk(problem);

/** Wait: the longer, the more `failures` there were. */
export const pause = (failures) => new Promise((resolve) => { setTimeout(resolve, PAUSES_S[Math.min(failures, PAUSES_S.length) - 1] * 1000); });

/** Call `work` again after pauses that grow from call to call: `later()`; once it went well, `calm()` forgets them. */
export class Patience {
  constructor(work) {
    this.work = work;
    this.failures = 0;
    this.timer = 0;
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.work, PAUSES_S[Math.min(this.failures, PAUSES_S.length - 1)] * 1000);
    this.failures += 1;
  }

  calm() {
    clearTimeout(this.timer);
    this.failures = 0;
  }
}
