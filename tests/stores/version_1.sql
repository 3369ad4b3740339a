-- The tables of version 1, as eilogin 0.1 made them.
CREATE TABLE session (key TEXT PRIMARY KEY, data TEXT NOT NULL,
    seen REAL NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX session_until ON session (until);
CREATE TABLE label (label TEXT, session TEXT REFERENCES session (key)
    ON DELETE CASCADE, PRIMARY KEY (label, session)) WITHOUT ROWID;
CREATE INDEX label_session ON label (session);
CREATE TABLE item (id INTEGER PRIMARY KEY, session TEXT NOT NULL
    REFERENCES session (key) ON DELETE CASCADE, item TEXT NOT NULL);
CREATE INDEX item_session ON item (session);
CREATE TABLE value (key TEXT PRIMARY KEY, value TEXT NOT NULL,
    until REAL NOT NULL, owner TEXT REFERENCES session (key)
    ON DELETE CASCADE) WITHOUT ROWID;
CREATE INDEX value_until ON value (until);
CREATE INDEX value_owner ON value (owner);
CREATE TABLE mark (label TEXT PRIMARY KEY, instant REAL NOT NULL,
    until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX mark_until ON mark (until);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('schema', '1');
