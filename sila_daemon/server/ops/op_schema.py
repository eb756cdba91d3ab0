"""The tables of one space's database, and how older files are brought to them."""

from __future__ import annotations

from sila_daemon.database.schema import Schema

OPS_SCHEMA = Schema(
    application_id=0x53494C4F,  # "SILO"
    migrations=[
        """
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE trees (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, highest INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE peers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE commits (
            last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, tag BLOB NOT NULL,
            received_at INTEGER NOT NULL, sender TEXT NOT NULL
        );
        CREATE TABLE ops (
            seq INTEGER PRIMARY KEY, tree INTEGER NOT NULL, counter INTEGER NOT NULL,
            peer INTEGER NOT NULL, target NOT NULL, parent, key, value TEXT
        );
        CREATE UNIQUE INDEX ops_by_id ON ops (tree, counter, peer);
        CREATE TABLE alternates (
            seq INTEGER PRIMARY KEY, tree INTEGER NOT NULL, counter INTEGER NOT NULL,
            peer INTEGER NOT NULL, target NOT NULL, parent, key, value TEXT
        );
        CREATE INDEX alternates_by_id ON alternates (tree, counter, peer);
        CREATE TABLE static_files (
            hash TEXT PRIMARY KEY, size INTEGER NOT NULL, created_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE var_files (
            id TEXT PRIMARY KEY, revision INTEGER NOT NULL, sha256 TEXT NOT NULL,
            size INTEGER NOT NULL, created_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE var_revisions (
            id TEXT NOT NULL, revision INTEGER NOT NULL, sha256 TEXT NOT NULL,
            size INTEGER NOT NULL, created_at INTEGER NOT NULL, sender TEXT NOT NULL,
            is_side INTEGER NOT NULL, PRIMARY KEY (id, revision)
        ) WITHOUT ROWID;
        """,
        "ALTER TABLE var_files ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0",
        # Metadata, unfinished uploads and usage; the rows of files themselves are older.
        """
        ALTER TABLE static_files ADD COLUMN mime_type TEXT NOT NULL DEFAULT '';
        ALTER TABLE static_files ADD COLUMN sender TEXT NOT NULL DEFAULT '';
        ALTER TABLE static_files ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE var_files ADD COLUMN mime_type TEXT NOT NULL DEFAULT '';
        ALTER TABLE var_files ADD COLUMN sender TEXT NOT NULL DEFAULT '';
        ALTER TABLE var_files ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
        UPDATE static_files SET used_at = created_at;
        UPDATE var_files SET used_at = created_at;
        CREATE TABLE uploads (
            id TEXT PRIMARY KEY, hash TEXT NOT NULL, sender TEXT NOT NULL, mime_type TEXT NOT NULL,
            length INTEGER, created_at INTEGER NOT NULL, finished_at INTEGER
        ) WITHOUT ROWID;
        CREATE TABLE usage (
            sender TEXT PRIMARY KEY, bytes INTEGER NOT NULL, files INTEGER NOT NULL
        ) WITHOUT ROWID;
        """,
        "CREATE INDEX commits_by_time ON commits (received_at, last_seq)",
        # A sender's name is as long as an op, and small commits are the common ones.
        """
        CREATE TABLE senders (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        INSERT INTO senders (name) SELECT DISTINCT sender FROM commits;
        ALTER TABLE commits ADD COLUMN sender_id INTEGER NOT NULL DEFAULT 0;
        UPDATE commits SET sender_id = (SELECT id FROM senders WHERE name = sender);
        ALTER TABLE commits DROP COLUMN sender;
        """,
        # On how many days nothing referred to a file: a clock that leaps counts as one day.
        """
        ALTER TABLE static_files ADD COLUMN orphan_days INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE var_files ADD COLUMN orphan_days INTEGER NOT NULL DEFAULT 0;
        """,
    ],
)
