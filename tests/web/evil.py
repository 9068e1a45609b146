"""Pages that attack the door of a node, and the program of another user of the machine.

The attacker is given more than one has: a token and a code that are valid, so that only the rules
of the door and of the browser stand in between.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

SITES: Final = {
    "another port": "http://127.0.0.1:{evil}",
    "another name of this machine": "http://localhost:{evil}",
    "another site": "http://evil.test:{evil}",
    "our door under a name that now leads here": "http://rebound.test:{door}",
}
"""Where the attacking page comes from."""

HELPING_FLAGS: Final = (
    "--host-resolver-rules=MAP evil.test 127.0.0.1, MAP rebound.test 127.0.0.1",
    # Our rules have to hold in browsers that do not ask before a page reaches this machine.
    "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessSendPreflights",
)

PAGE: Final = "<!doctype html><title>Win a bicycle</title><body><p>Please wait.</p></body>"

ATTACKS: Final = (Path(__file__).parent / "attacks.js").read_text()

OPENER: Final = """async (door) => {
  const opened = open(door + "/#/chats");
  // On a busy machine a page may come late; until it is there, what was opened is empty and ours.
  for (let left = 600; left && !opened.closed; left -= 1)
    await new Promise((resolve) => setTimeout(resolve, 100));
  const got = [];
  try { got.push(opened.document.title); } catch { /* as it should be */ }
  if (!opened.closed) got.push("still in reach");
  return got;
}"""

OTHER_USER: Final = r"""
import http.client, json, os, socket, stat, sys
home, pid, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
got = []
for folder, _, files in os.walk(home):
    for name in files:
        path = os.path.join(folder, name)
        mode = os.lstat(path).st_mode
        try:
            if stat.S_ISSOCK(mode):
                with socket.socket(socket.AF_UNIX) as door:
                    door.connect(path)
            else:
                open(path, "rb").read(1)
            got.append(path)
        except OSError:
            pass
        try:
            open(path, "r+b").close()
            got.append("may write " + path)
        except OSError:
            pass
for name in ("environ", "mem", "maps", "fd"):
    path = f"/proc/{pid}/{name}"
    try:
        got.append(os.listdir(path) if name == "fd" else open(path, "rb").read(1) and path)
    except OSError:
        pass
line = open(f"/proc/{pid}/cmdline").read()
asked = [("GET", path) for path in ("/v1/status", "/v1/messages", "/v1/events", "/metrics")]
asked += [("POST", path) for path in ("/v1/lock", "/v1/wipe", "/v1/session/code", "/v1/stop")]
statuses = []
for method, path in asked:
    for token in (None, "", "guess"):
        door = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {} if token is None else {"Authorization": "Bearer " + token}
        door.request(method, path, headers=headers)
        statuses.append(door.getresponse().status)
        door.close()
try:
    os.kill(int(pid), 9)
    got.append("killed it")
except PermissionError:
    pass
print(json.dumps({"got": got, "line": line, "statuses": statuses}))
"""
"""What another user tries: to read all files, to use both doors, and to look into the process."""


class EvilServer:
    """A server that gives the attacking page for every path, on 127.0.0.1."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""
