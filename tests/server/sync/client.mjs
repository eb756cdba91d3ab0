// A client as the original's: socket.io-client with nothing but a token. Takes commands as JSON
// lines on stdin, reports everything that happens as JSON lines on stdout.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2] + "/");
const { io, Manager } = require("socket.io-client");
const say = (...what) => process.stdout.write(JSON.stringify(what) + "\n");
const sockets = {};

createInterface({ input: process.stdin }).on("line", (line) => {
  const [command, name, ...rest] = JSON.parse(line);
  if (command === "connect") {
    const [url, namespace, token, transports, extraHeaders] = rest;
    const options = { auth: { token }, transports, extraHeaders, forceNew: true };
    const socket = io(url + namespace, options);
    sockets[name] = socket;
    socket.on("connect", () => say(name, "connect", socket.io.engine.transport.name));
    socket.on("connect_error", (error) => say(name, "connect_error", error.message));
    socket.on("disconnect", (reason) => say(name, "disconnect", reason));
    socket.io.engine.on("upgrade", (transport) => say(name, "upgrade", transport.name));
    socket.onAny((event, ...args) => say(name, event, ...args));
  } else if (command === "emit") {
    sockets[name].emit(...rest);
  } else if (command === "call") {
    sockets[name].emit(...rest, (answer) => say(name, "ack", answer));
  } else if (command === "close") {
    sockets[name].disconnect();
  }
});
createInterface({ input: process.stdin }).on("close", () => process.exit(0));
