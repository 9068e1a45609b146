// All that a page of somebody else tries; returns by name what it got.
async ({ door, token, code }) => {
  const got = {};
  const patience = (work) => Promise.race([work, new Promise((r) => setTimeout(() => r(""), 4000))]);
  const attempt = async (name, work) => {
    try { got[name] = await patience(work()) || ""; } catch { got[name] = ""; }
  };
  const bearer = { Authorization: `Bearer ${token}` };
  const read = async (path, options) => {
    const answer = await fetch(door + path, options);
    const text = await answer.text();
    return answer.ok && text ? `${answer.status} ${text.slice(0, 80)}` : "";
  };
  const json = { "Content-Type": "application/json" };
  await attempt("a file of the page", () => read("/app/main.js"));
  await attempt("the status", () => read("/v1/status", { headers: bearer }));
  await attempt("the messages", () => read("/v1/messages", { headers: bearer }));
  await attempt("the metrics", () => read("/metrics", { headers: bearer }));
  await attempt("a lock", () => read("/v1/lock", { method: "POST", headers: { ...bearer, ...json }, body: "{}" }));
  await attempt("a session", () => read("/v1/session", { method: "POST", headers: json, body: JSON.stringify({ code }) }));
  // Without asking first: what a page may send anywhere.
  const simple = { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" } };
  await attempt("a code used up blindly", async () => { await fetch(door + "/v1/session", { ...simple, body: JSON.stringify({ code }) }); });
  await attempt("a beacon", async () => { navigator.sendBeacon(door + "/v1/session", JSON.stringify({ code })); });
  await attempt("a socket", () => new Promise((resolve) => {
    const socket = new WebSocket(door.replace("http", "ws") + "/v1/events", ["mesh.v1", `bearer.${token}`]);
    socket.onmessage = ({ data }) => resolve(`told ${data.slice(0, 80)}`);
    socket.onopen = () => setTimeout(() => resolve("open"), 500);
    socket.onerror = () => resolve("");
  }));
  await attempt("a stream", () => new Promise((resolve) => {
    const source = new EventSource(door + "/v1/events");
    source.onopen = () => resolve("open");
    source.onerror = () => { source.close(); resolve(""); };
  }));
  const element = (name, make) => attempt(name, () => new Promise((resolve) => {
    const made = make();
    made.onload = () => resolve("loaded");
    made.onerror = () => resolve("");
    document.body.append(made);
  }));
  await element("a picture", () => Object.assign(new Image(), { src: door + "/icon.svg" }));
  await element("a script", () => Object.assign(document.createElement("script"), { type: "module", src: door + "/app/text.js" }));
  await element("a classic script", () => Object.assign(document.createElement("script"), { src: door + "/vendor/jsqr/jsQR.js" }));
  await element("a style", () => Object.assign(document.createElement("link"), { rel: "stylesheet", href: door + "/styles/tokens.css" }));
  const frame = document.createElement("iframe");
  frame.name = "stolen";
  frame.src = door + "/#/settings/tokens";
  document.body.append(frame);
  // A form needs no permission, and can write what reads as JSON.
  const form = document.createElement("form");
  const field = document.createElement("input");
  Object.assign(form, { method: "post", enctype: "text/plain", action: door + "/v1/session", target: "stolen-form" });
  Object.assign(field, { type: "hidden", name: `{"code":"${code}","x":"`, value: '"}' });
  const target = document.createElement("iframe");
  target.name = "stolen-form";
  form.append(field);
  document.body.append(target, form);
  form.submit();
  await new Promise((resolve) => setTimeout(resolve, 500));
  await attempt("the inside of a frame", async () => frame.contentDocument?.querySelector("#page")?.innerHTML);
  return got;
}
