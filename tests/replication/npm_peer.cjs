// The independent implementation of Negentropy, behind the line protocol of the reference suite:
// `node peer.cjs FOLDER`, FOLDER being the unpacked package @nostr-dev-kit/sync.
"use strict";

const Module = require("node:module");
const path = require("node:path");
const readline = require("node:readline");

// Its client for relays imports these two; the protocol itself needs neither.
const load = Module._load;
Module._load = (name, ...rest) =>
  name === "@nostr-dev-kit/ndk" || name === "tseep"
    ? { EventEmitter: class {} }
    : load(name, ...rest);
const { Negentropy, NegentropyStorage } = require(path.join(process.argv[2], "dist", "index.cjs"));

const hexOf = (bytes) => Buffer.from(bytes).toString("hex");
const storage = new NegentropyStorage();
let side = null;
let isClient = false;

async function answer(line) {
  const [command, ...fields] = line.split(",");
  if (command === "item") {
    storage.insert(Number(fields[0]), fields[1]);
  } else if (command === "seal") {
    storage.seal();
    side = new Negentropy(storage, Number(process.env.FRAMESIZELIMIT || 0));
  } else if (command === "initiate") {
    isClient = true;
    process.stdout.write(`msg,${hexOf(await side.initiate())}\n`);
  } else if (command === "msg") {
    const learned = await side.reconcile(new Uint8Array(Buffer.from(fields[0], "hex")));
    let lines = "";
    for (const id of learned.have) lines += `have,${hexOf(id)}\n`;
    for (const id of learned.need) lines += `need,${hexOf(id)}\n`;
    const isDone = isClient && learned.nextMessage === undefined;
    process.stdout.write(lines + (isDone ? "done\n" : `msg,${hexOf(learned.nextMessage)}\n`));
  } else {
    throw new Error(`unknown command: ${command}`);
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) await answer(line);
})();
