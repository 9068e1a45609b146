// The stream of events: one WebSocket, resumed where it broke off.
import { bearer, get, Problem } from "./api.js";

const SILENCE_MS = 45_000;
const WAITS_S = [1, 2, 3, 5, 8];
const BACK_SOON_MS = 10_000;
const BACK_SOON_PAUSE_MS = 200;

/**
 * Follow the events until `stop()`. Handlers: hello(isNew), event(event), resync(), silent(waitSeconds), refused(problem).
 * `isNew` says that what happened meanwhile was missed.
 */
export class Follower {
  constructor(handlers) {
    this.handlers = handlers;
    this.epoch = null;
    this.seq = 0;
    this.failures = 0;
    this.backSoonUntil = 0;
    this.stopped = false;
    this.socket = null;
    this.timer = 0;
    this.alarm = 0;
  }

  start() { this.stopped = false; this._open(); }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.alarm);
    this.socket?.close();
    this.socket = null;
  }

  retryNow() {
    if (this.stopped || this.socket?.readyState === WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this._open();
  }

  _open() {
    this.socket?.close();
    const cursor = this.epoch ? `?after=${this.seq}&epoch=${encodeURIComponent(this.epoch)}` : "";
    const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/events${cursor}`;
    const socket = new WebSocket(address, ["mesh.v1", `bearer.${bearer()}`]);
    this.socket = socket;
    this._watch(socket, 10_000);
    socket.onmessage = (message) => {
      if (socket !== this.socket) return;
      this._watch(socket, SILENCE_MS);
      this._take(JSON.parse(message.data));
    };
    socket.onclose = () => { if (socket === this.socket) this._lost(); };
  }

  _watch(socket, milliseconds) {
    clearTimeout(this.alarm);
    this.alarm = setTimeout(() => { if (socket === this.socket) { socket.close(); this._lost(); } }, milliseconds);
  }

  _take(told) {
    if (told.type === "hello") {
      const isNew = this.epoch !== told.epoch;
      this.epoch = told.epoch;
      this.seq = told.seq;
      this.failures = this.backSoonUntil = 0;
      this.handlers.hello(isNew);
    } else if (told.type === "event") {
      this.seq = told.seq;
      this.handlers.event(told.event);
    } else if (told.type === "resync") {
      this.epoch = told.epoch;
      this.seq = told.seq;
      this.failures = 0;
      this.handlers.resync();
    } else if (told.type === "going-away") {
      this.backSoonUntil = told.is_back_soon ? Date.now() + BACK_SOON_MS : 0;
      this.socket.close();
    }
  }

  async _lost() {
    clearTimeout(this.alarm);
    this.socket = null;
    if (this.stopped) return;
    // It was locked and begins anew, in about a second: nobody need be told.
    if (Date.now() < this.backSoonUntil) { this.timer = setTimeout(() => this._open(), BACK_SOON_PAUSE_MS); return; }
    const wait = WAITS_S[Math.min(this.failures, WAITS_S.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => this._open(), wait * 1000);
    this.handlers.silent(wait);
    // A WebSocket does not say why it was refused: a plain question does.
    try { await get("/v1/status"); } catch (problem) {
      if (problem instanceof Problem && problem.type !== "silent" && problem.type !== "timeout") this.handlers.refused(problem);
    }
  }
}
