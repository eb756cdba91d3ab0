// Runs npm's reptree for the tests. Reads one JSON request from stdin, prints one JSON answer.
// The working directory has node_modules/reptree.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(path.join(process.cwd(), 'x.js'));
const { RepTree, compareOpId } = require('reptree');

// A small generator with a seed, so that a failure can be run again (mulberry32).
function randomness(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// What a tree shows: parents, children, properties, the root. Values of null stay; what is
// undefined is not there.
function stateOf(tree) {
  const vertices = {};
  for (const vertex of tree.getAllVertices()) {
    const properties = {};
    for (const { key, value } of tree.getVertexProperties(vertex.id)) {
      if (value !== undefined) properties[key] = value;
    }
    vertices[vertex.id] = {
      parent: tree.state.getVertex(vertex.id).parentId,
      children: tree.getChildren(vertex.id).map((child) => child.id),
      properties,
    };
  }
  return { vertices, root: tree.root ? tree.root.id : null, vector: tree.getStateVector() };
}

const VALUES = [null, true, 0, -1.5, 1e21, 1e-7, '', 'text', '\ud83d', 'a\u2028b', [1, []], { a: {} }, undefined, {}, []];

// Peers edit one tree and tell each other part of what they know, in the order they learned it.
function makeHistory({ seed, peers, steps }) {
  const random = randomness(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const replicas = [];
  const known = peers.map(() => new Map());
  const learn = (index, ops) => {
    for (const op of ops) known[index].set(JSON.stringify(op.id), op);
  };
  const first = new RepTree(peers[0]);
  const root = first.createRoot();
  replicas.push(first);
  learn(0, first.popLocalOps());
  for (let i = 1; i < peers.length; i++) {
    replicas.push(new RepTree(peers[i], [...known[0].values()]));
    learn(i, [...known[0].values()]);
  }
  for (let step = 0; step < steps; step++) {
    const index = Math.floor(random() * peers.length);
    const tree = replicas[index];
    if (random() < 0.25) {
      const source = [...known[Math.floor(random() * peers.length)].values()];
      const ops = source.slice(0, Math.floor(random() * (source.length + 1)));
      tree.merge(ops);
      learn(index, ops);
      continue;
    }
    const ids = tree.getAllVertices().map((vertex) => vertex.id).filter((id) => id !== '0').sort();
    const id = pick(ids);
    const dice = random();
    if (dice < 0.35) tree.newVertex(pick(ids), random() < 0.5 ? { name: `n${step}` } : null);
    else if (dice < 0.65) { if (id !== root.id) tree.moveVertex(id, pick(ids)); }
    else if (dice < 0.72) { if (id !== root.id) tree.deleteVertex(id); }
    else tree.setVertexProperty(id, pick(['name', 'text', 'k\u0001"']), pick(VALUES));
    learn(index, tree.popLocalOps());
  }
  const all = new Map();
  for (const ops of known) for (const [id, op] of ops) all.set(id, op);
  const ops = [...all.values()];
  for (const tree of replicas) tree.merge(ops);
  const states = replicas.map(stateOf);
  return { ops, states, root: root.id };
}

// Feeds ops in the order given and shows the state.
function load({ ops }) {
  return stateOf(new RepTree('reader', ops));
}

const commands = {
  histories: ({ requests }) => requests.map(makeHistory),
  loads: ({ histories }) => histories.map((ops) => load({ ops })),
  sorted: ({ groups }) => groups.map((ids) => [...ids].sort((a, b) => a.localeCompare(b))),
  opOrder: ({ ids }) => [...ids].sort(compareOpId),
  lines: ({ texts }) => texts.map((text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line))),
  numbers: ({ texts }) => texts.map((text) => String(JSON.parse(text))),
  // Ops in the order in which they come, then what is told to who asks for all, or with a vector.
  echoes: ({ cases }) => cases.map(({ ops, vectors }) => {
    const tree = new RepTree('reader');
    for (const op of ops) tree.merge([op]);
    const ids = (found) => found.map((op) => [op.id.counter, op.id.peerId]).filter((id) => id[1] !== 'reader');
    return { everything: ids(tree.getAllOps()), missing: vectors.map((one) => ids(tree.getMissingOps(one))) };
  }),
  vectors: ({ pairs }) => pairs.map(([ops, vector]) => {
    const tree = new RepTree('reader', ops);
    return tree.getMissingOps(vector).map((op) => op.id);
  }),
};

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
// Lone surrogates do not survive UTF-8; escapes do.
const answer = JSON.stringify(commands[request.command](request));
const escaped = answer.replace(/[\u0080-\uffff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
// Each RepTree keeps a timer, which would keep the process.
process.stdout.write(escaped, () => process.exit(0));
