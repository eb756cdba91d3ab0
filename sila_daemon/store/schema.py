"""The tables of a space's database.

Ops are clustered by (tree, peer, counter), the order in which trees are loaded and vectors are
made; `rank` tells apart the contents of an id that was used twice. `seq` is the order in which
this device learned of them. An `outbox` row says that a layer is not known to hold an op: debts
stand in the database, in one transaction with the op, and never in memory alone. An op with a
row in `held` counts as held by this device, and is neither shown nor passed on.
"""

from __future__ import annotations

from sila_daemon.database.schema import Schema

FOLDER = "folder"
"""The name of the folder's layer; a server's layer is named by its URL."""

_VERSION_1 = """
CREATE TABLE tree (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    counter INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE peer (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE op (
    tree INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    target ANY NOT NULL,
    parent ANY,
    key ANY,
    value BLOB,
    PRIMARY KEY (tree, peer, counter, rank)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX op_seq ON op (seq);

CREATE TABLE layer (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    server_id TEXT,
    epoch TEXT,
    seq INTEGER,
    tag TEXT,
    acknowledged_ms INTEGER
) STRICT;
CREATE TABLE outbox (
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    owed_ms INTEGER NOT NULL,
    PRIMARY KEY (layer, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE refusal (
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (layer, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE position (
    path TEXT PRIMARY KEY,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    line_count INTEGER NOT NULL,
    tail BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE problem (
    path TEXT NOT NULL,
    line INTEGER NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (path, line, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (name ANY PRIMARY KEY, value ANY, removed TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE secret_base (
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    name ANY NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (layer, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER,
    sha256 TEXT,
    is_here INTEGER NOT NULL DEFAULT 0,
    is_referenced INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, name)
) STRICT;
CREATE TABLE blob_debt (
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    blob INTEGER NOT NULL,
    PRIMARY KEY (layer, blob)
) STRICT, WITHOUT ROWID;
CREATE TABLE blob_agreed (
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    blob INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    revision TEXT NOT NULL,
    PRIMARY KEY (layer, blob)
) STRICT, WITHOUT ROWID;

CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

# A tombstone is seen too, and may be all that a side says of a name.
_VERSION_2 = """
ALTER TABLE secret_base RENAME TO secret_base_1;
CREATE TABLE secret_base (
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    name ANY NOT NULL,
    hash TEXT,
    removed TEXT,
    PRIMARY KEY (layer, name)
) STRICT, WITHOUT ROWID;
INSERT INTO secret_base SELECT layer, name, hash, NULL FROM secret_base_1;
DROP TABLE secret_base_1;
"""

_VERSION_3 = """
ALTER TABLE refusal ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;
CREATE TABLE set_aside (
    id INTEGER PRIMARY KEY,
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    tree TEXT NOT NULL,
    raw BLOB NOT NULL,
    digest BLOB NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    UNIQUE (layer, digest)
) STRICT;
"""

# `base` is the highest seq before the first sync with a layer, and NULL once that is over.
_VERSION_4 = """
CREATE TABLE hold (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    vertices INTEGER NOT NULL,
    of_vertices INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    refused_ms INTEGER
) STRICT;
CREATE TABLE held (
    seq INTEGER PRIMARY KEY,
    hold INTEGER NOT NULL REFERENCES hold (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX held_hold ON held (hold);
CREATE INDEX op_moved ON op (tree, target) WHERE key IS NULL;
ALTER TABLE layer ADD COLUMN base INTEGER;
"""

_VERSION_5 = """
CREATE TABLE file_conflict (
    uuid TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    server TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (uuid, sha256)
) STRICT, WITHOUT ROWID;
CREATE TABLE blob_former (
    id INTEGER PRIMARY KEY,
    blob INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    UNIQUE (blob, sha256)
) STRICT;
"""

# Something that was set aside is listed for ever, and told of until a person has seen it.
_VERSION_6 = """
ALTER TABLE set_aside ADD COLUMN seen_ms INTEGER;
CREATE INDEX op_placed ON op (tree, parent) WHERE key IS NULL;
"""

# Where a file is referred to from, and how large it is said to be, without a walk through all ops.
_VERSION_7 = """
ALTER TABLE blob ADD COLUMN is_wanted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX op_hash ON op (value) WHERE key = 'hash';
CREATE INDEX op_size ON op (tree, target) WHERE key = 'size';
"""

# An immutable file as it was when its bytes were held against its name.
_VERSION_8 = """
CREATE TABLE static_look (
    name TEXT PRIMARY KEY,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    is_right INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

# Of debts to a server that acknowledges nothing: how often an op was sent, and whether the server
# showed since then that it has it not. `protocol` is what the server spoke last, NULL before.
_VERSION_9 = """
CREATE TABLE sent (
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    times INTEGER NOT NULL,
    is_missed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (layer, seq)
) STRICT, WITHOUT ROWID;
ALTER TABLE layer ADD COLUMN protocol INTEGER;
"""

# What a server calls the upload of a file that goes on after an interruption.
_VERSION_10 = """
CREATE TABLE upload (
    layer INTEGER NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
    blob INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (layer, blob)
) STRICT, WITHOUT ROWID;
"""

# What lists say of each tree; NULL where ops of the tree came since.
_VERSION_11 = """
CREATE TABLE tree_facts (
    tree INTEGER PRIMARY KEY REFERENCES tree (id),
    generation INTEGER NOT NULL,
    facts BLOB
) STRICT;
"""

SCHEMA = Schema(
    application_id=0x53494C53,
    migrations=(
        _VERSION_1,
        _VERSION_2,
        _VERSION_3,
        _VERSION_4,
        _VERSION_5,
        _VERSION_6,
        _VERSION_7,
        _VERSION_8,
        _VERSION_9,
        _VERSION_10,
        _VERSION_11,
    ),
)
