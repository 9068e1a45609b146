// Large files, to the daemon and from it. Only parts that come late need them.
import { bearer, isSignedIn, Problem, problemOf } from "./api.js";

/** The bytes of an answer as they come. Throws a Problem when none come for so many seconds. */
export async function* piecesOf(answer, seconds = 60) {
  const reader = answer.body.getReader();
  try {
    for (;;) {
      let timer;
      const silence = new Promise((_, refuse) => { timer = setTimeout(() => refuse(new Problem("timeout")), seconds * 1000); });
      const { done, value } = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } catch (error) { throw error instanceof Problem ? error : new Problem("silent"); } finally { reader.cancel().catch(() => {}); }
}

/** Send a large file, and say how far it was taken (0 to 1). Throws a Problem. */
export function upload(path, blob, { signal, progress }) {
  // What `fetch` sends it does not count.
  const sending = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    sending.open("POST", path);
    if (isSignedIn()) sending.setRequestHeader("Authorization", `Bearer ${bearer()}`);
    sending.setRequestHeader("Content-Type", "application/octet-stream");
    sending.setRequestHeader("Mesh-Person", "1");
    sending.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
    sending.onload = () => {
      try {
        if (sending.status === 200) resolve(JSON.parse(sending.responseText));
        else reject(problemOf(sending.status, sending.responseText));
      } catch { reject(new Problem("internal")); }
    };
    sending.onerror = () => reject(new Problem("silent"));
    sending.onabort = () => reject(new Problem("cancelled"));
    signal.addEventListener("abort", () => sending.abort());
    sending.send(blob);
  });
}
