-- What the host does for a transaction by itself, and instruments that are locked for some time.
ALTER TABLE transactions ADD COLUMN standing TEXT;

CREATE TABLE symbol_locks (
    account TEXT NOT NULL REFERENCES accounts (name),
    symbol TEXT NOT NULL,
    until INTEGER NOT NULL,
    why TEXT NOT NULL,
    source TEXT NOT NULL,
    source_name TEXT,
    source_digest TEXT,
    PRIMARY KEY (account, symbol)
) STRICT, WITHOUT ROWID;
