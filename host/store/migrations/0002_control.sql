-- Kill switches, and what losses are measured from.

-- The kill switch of an account; of the whole daemon where the account is empty.
CREATE TABLE kills (
    account TEXT PRIMARY KEY,
    level TEXT NOT NULL,
    why TEXT NOT NULL,
    source TEXT NOT NULL,
    source_name TEXT,
    source_digest TEXT,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE baselines (
    account TEXT PRIMARY KEY REFERENCES accounts (name),
    -- Days since 1970-01-01 (UTC).
    day INTEGER NOT NULL,
    day_equity TEXT NOT NULL,
    peak_equity TEXT NOT NULL
) STRICT, WITHOUT ROWID;
