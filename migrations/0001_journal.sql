-- The journal is the only source of truth; every other table is made from it and can be made again.

CREATE TABLE journal (
    seq     BIGINT NOT NULL PRIMARY KEY,
    stream  TEXT   NOT NULL,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    body    TEXT   NOT NULL,
    prev    TEXT   NOT NULL,
    hash    TEXT   NOT NULL,
    UNIQUE (stream, version)
);

CREATE TABLE releases (
    number    BIGINT NOT NULL PRIMARY KEY,
    commit_id TEXT   NOT NULL,
    body      TEXT   NOT NULL
);
CREATE INDEX releases_by_commit ON releases (commit_id);

CREATE TABLE deployments (
    number      BIGINT NOT NULL PRIMARY KEY,
    environment TEXT   NOT NULL,
    release     BIGINT NOT NULL,
    has_ended   BIGINT NOT NULL,
    body        TEXT   NOT NULL
);
CREATE INDEX deployments_by_environment ON deployments (environment, number);
CREATE INDEX deployments_open ON deployments (has_ended, number);

CREATE TABLE environments (
    name TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

CREATE TABLE branches (
    name      TEXT NOT NULL PRIMARY KEY,
    commit_id TEXT NOT NULL
);

-- Who works on a deployment just now. Not part of the journal: it says nothing about what happened.
CREATE TABLE leases (
    deployment BIGINT NOT NULL PRIMARY KEY,
    holder     TEXT   NOT NULL,
    token      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE fencing (
    id   BIGINT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO fencing (id, last) VALUES (1, 0);
