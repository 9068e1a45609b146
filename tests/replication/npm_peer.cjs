// The independent implementation of Negentropy, from the unpacked package @nostr-dev-kit/sync:
//
//     node npm_peer.cjs FOLDER        behind the line protocol of the reference suite
//     node npm_peer.cjs FOLDER FILE   both sides in this process, over the sets in FILE, measured
"use strict";

const fs = require("node:fs");
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

// Of each id: one byte (1: the client has it, 2: the server, 3: both), 8 bytes of seconds, the id.
async function measure(file) {
  const data = new Uint8Array(fs.readFileSync(file));
  const sides = [new NegentropyStorage(), new NegentropyStorage()];
  for (let at = 0; at < data.length; at += 41) {
    const seconds = Number(Buffer.from(data.buffer, at + 1, 8).readBigUInt64BE());
    const id = data.slice(at + 9, at + 41);
    sides.forEach((one, bit) => data[at] & (1 << bit) && one.insert(seconds, id));
  }
  sides.forEach((one) => one.seal());
  const limit = Number(process.env.FRAMESIZELIMIT || 0);
  const [client, server] = sides.map((one) => new Negentropy(one, limit));
  const before = process.cpuUsage();
  const learned = new Set();
  let [rounds, bytes, message] = [0, 0, await client.initiate()];
  while (message !== undefined) {
    // What it gives out is a view of a buffer that it goes on to use.
    const sent = Uint8Array.from(message);
    const answer = Uint8Array.from((await server.reconcile(sent)).nextMessage);
    const got = await client.reconcile(answer);
    for (const id of [...got.have, ...got.need]) learned.add(hexOf(id));
    rounds += 1;
    bytes += sent.length + answer.length;
    message = got.nextMessage;
  }
  const used = process.cpuUsage(before);
  const ms = (used.user + used.system) / 1000;
  process.stdout.write(JSON.stringify({ ms, bytes, rounds, differences: learned.size }) + "\n");
}

async function speak() {
  for await (const line of readline.createInterface({ input: process.stdin })) await answer(line);
}

process.argv[3] === undefined ? speak() : measure(process.argv[3]);
