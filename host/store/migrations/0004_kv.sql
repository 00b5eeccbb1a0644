-- What plugins remember of their account: the `kv` import.
CREATE TABLE kv (
    account TEXT NOT NULL REFERENCES accounts (name),
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
