// Reads whole space folders by the file rules of the original, builds every tree with npm's
// reptree and prints what it sees. Reads one JSON request from stdin, {"folders": [path, ...]}.
// The working directory has node_modules/reptree.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(path.join(process.cwd(), 'x.js'));
const { RepTree } = require('reptree');

// A top-level `{}` or `[]` is a deletion.
function valueOf(value) {
  const isEmpty = value !== null && typeof value === 'object' && Object.keys(value).length === 0;
  return isEmpty ? undefined : value;
}

function moveOf(peerId, [counter, targetId, parentId]) {
  return { id: { counter, peerId }, targetId, parentId };
}

function propertyOf(peerId, [counter, targetId, key, value]) {
  return { id: { counter, peerId }, targetId, key, value: valueOf(value), transient: false };
}

// Which form a file has, and whose it is, stands in its name alone.
function readerOf(name) {
  const base = name.slice(0, -'.jsonl'.length);
  if (base.endsWith('-m')) return (row) => moveOf(base.slice(0, -2), row);
  if (base.endsWith('-p')) return (row) => propertyOf(base.slice(0, -2), row);
  const peer = name.slice(0, name.indexOf('.'));
  return ([kind, ...row]) => {
    if (kind === 'm') return moveOf(peer, row);
    if (kind === 'p') return propertyOf(peer, row);
    return null;
  };
}

function rowOf(line) {
  try {
    const row = JSON.parse(line);
    return Array.isArray(row) ? row : null;
  } catch {
    return null;
  }
}

function opsOf(file) {
  const read = readerOf(path.basename(file));
  const rows = fs.readFileSync(file, 'utf8').split('\n').map(rowOf).filter((row) => row !== null);
  return rows.map(read).filter((op) => op !== null);
}

function filesBelow(directory) {
  return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(full);
    return entry.name.endsWith('.jsonl') ? [full] : [];
  });
}

function treeOf(directory) {
  const ops = filesBelow(directory).flatMap(opsOf);
  const tree = new RepTree('reader', ops);
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
  const ids = ops.map((op) => `${op.id.counter}@${op.id.peerId}`);
  return { vertices, root: tree.root ? tree.root.id : null, ops: new Set(ids).size };
}

function spaceOf(folder) {
  const version = path.join(folder, 'space-v1');
  const trees = {};
  for (const first of fs.readdirSync(path.join(version, 'ops'))) {
    for (const rest of fs.readdirSync(path.join(version, 'ops', first))) {
      trees[first + rest] = treeOf(path.join(version, 'ops', first, rest));
    }
  }
  return { spaceId: JSON.parse(fs.readFileSync(path.join(version, 'space.json'), 'utf8')).id, trees };
}

const request = JSON.parse(fs.readFileSync(0, 'utf8'));
const answer = JSON.stringify(request.folders.map(spaceOf));
const escaped = answer.replace(/[\u0080-\uffff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
// Each RepTree keeps a timer, which would keep the process.
process.stdout.write(escaped, () => process.exit(0));
