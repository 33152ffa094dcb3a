-- The guestbook's lines, in the order in which they were signed.
CREATE TABLE entries (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL,
    message   TEXT    NOT NULL,
    signed_at INTEGER NOT NULL -- seconds since 1970, UTC
);
