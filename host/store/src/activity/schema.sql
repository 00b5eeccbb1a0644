-- The activity log. Only its rowid is indexed: every index would slow the writer several times.
-- Decimals are text, times are microseconds since 1970 (UTC).

CREATE TABLE activity (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- How many records a row of kind 'lost' stands for, the first of which had its seq.
    lost INTEGER,
    fact_seq INTEGER,
    transaction_id INTEGER,
    account TEXT,
    symbol TEXT,
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    before TEXT,
    after TEXT,
    quantity TEXT,
    span_ms INTEGER,
    text TEXT NOT NULL
) STRICT;

-- The newest run, and up to which fact the ledger's facts are all here or were pruned.
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    run INTEGER NOT NULL,
    fact_seq INTEGER NOT NULL
) STRICT;

INSERT INTO progress (one, run, fact_seq) VALUES (1, 0, 0);

PRAGMA user_version = 1;
