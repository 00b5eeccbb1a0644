-- The whole ledger as it is now. A test holds it equal to what migrations/ make.
-- Money is decimal text, times are microseconds since 1970 (UTC), flags are 0 and 1.

CREATE TABLE ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ledger_id TEXT NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    -- Orders and fills were read completely up to then.
    read_until INTEGER,
    -- Null until somebody armed or disarmed it.
    armed INTEGER,
    -- The broker's own account behind the name when it was armed.
    broker_account TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE instruments (
    account TEXT NOT NULL REFERENCES accounts (name),
    symbol TEXT NOT NULL,
    broker_symbol TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- [["from price", "tick"], ...], lowest band first.
    bands TEXT NOT NULL,
    qty_step TEXT NOT NULL,
    min_qty TEXT NOT NULL,
    max_qty TEXT,
    min_notional TEXT,
    multiplier TEXT NOT NULL,
    -- ["feature", ...]
    features TEXT NOT NULL,
    PRIMARY KEY (account, symbol)
) STRICT, WITHOUT ROWID;

CREATE TABLE transactions (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name),
    owner TEXT NOT NULL,
    symbol TEXT NOT NULL,
    direction TEXT NOT NULL,
    status TEXT NOT NULL,
    entry_kind TEXT NOT NULL,
    entry_limit TEXT,
    entry_quantity TEXT NOT NULL,
    entry_time_in_force TEXT NOT NULL,
    entry_reference TEXT NOT NULL,
    on_partial TEXT NOT NULL,
    entry_guard TEXT NOT NULL,
    entry_cancel_asked INTEGER NOT NULL,
    entry_ended INTEGER NOT NULL,
    stop TEXT,
    target TEXT,
    version INTEGER NOT NULL,
    stop_locked INTEGER NOT NULL,
    target_locked INTEGER NOT NULL,
    -- ["policy", ...] in the order they run.
    policies TEXT NOT NULL,
    task TEXT,
    task_to TEXT,
    task_why TEXT,
    task_source TEXT,
    task_source_name TEXT,
    task_source_digest TEXT,
    protection TEXT NOT NULL,
    protection_since INTEGER,
    protection_why TEXT,
    initial_stop TEXT,
    entered TEXT NOT NULL,
    entered_value TEXT NOT NULL,
    exited TEXT NOT NULL,
    exited_value TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    opened_at INTEGER,
    closed_at INTEGER,
    close_reason TEXT,
    -- Spans without the wanted stop that have ended.
    gap_count INTEGER NOT NULL DEFAULT 0,
    gap_total_ms INTEGER NOT NULL DEFAULT 0,
    gap_longest_ms INTEGER NOT NULL DEFAULT 0,
    -- Closes in a row that came to nothing, and when the host may try the next.
    close_failures INTEGER NOT NULL DEFAULT 0,
    close_retry_at INTEGER,
    -- What the host does by itself: {"trail": ..., "time_limit": ..., "review": ...}
    standing TEXT,
    -- Partial targets, the nearest first: [{"share": ..., "target": ..., "quantity": ..., "left": ..., "slice": ...}]
    ladder TEXT
) STRICT;

CREATE INDEX transactions_live ON transactions (id)
WHERE status NOT IN ('CLOSED', 'FAILED');

CREATE INDEX transactions_ended ON transactions (ifnull(closed_at, created_at), id)
WHERE status IN ('CLOSED', 'FAILED');

CREATE TABLE slices (
    transaction_id INTEGER NOT NULL REFERENCES transactions (id),
    place INTEGER NOT NULL,
    no INTEGER NOT NULL,
    held TEXT NOT NULL,
    gather_until INTEGER NOT NULL,
    retry_at INTEGER,
    rejections INTEGER NOT NULL,
    rejected_version INTEGER,
    -- [["key", "value"], ...], the plugin's own.
    memo TEXT NOT NULL,
    -- Whether its stop was rejected because it is already through the market.
    breached INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (transaction_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    transaction_id INTEGER NOT NULL REFERENCES transactions (id),
    place INTEGER NOT NULL,
    broker_id TEXT NOT NULL,
    client_id TEXT,
    linked_group TEXT,
    slice INTEGER NOT NULL,
    role TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    quantity TEXT NOT NULL,
    filled TEXT NOT NULL,
    avg_price TEXT,
    limit_price TEXT,
    trigger_price TEXT,
    status TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Whether people were told that a cancel or change of it is not confirmed.
    stuck INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (transaction_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
    transaction_id INTEGER NOT NULL REFERENCES transactions (id),
    place INTEGER NOT NULL,
    slice INTEGER NOT NULL,
    legs TEXT NOT NULL,
    steps INTEGER NOT NULL,
    PRIMARY KEY (transaction_id, place)
) STRICT, WITHOUT ROWID;

-- Commands and what is known of them. The row is written before the command leaves.
-- It keeps its rowid through every change, so the rowid is the order in which rows were planned.
CREATE TABLE outbox (
    transaction_id INTEGER NOT NULL REFERENCES transactions (id),
    slice INTEGER NOT NULL,
    legs TEXT NOT NULL,
    step INTEGER NOT NULL,
    op TEXT NOT NULL,
    client_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- The command's own fields as a JSON object.
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    -- When a row that was not sent is tried again, or an unknown one is looked up next.
    state_at INTEGER,
    lookups INTEGER,
    -- The broker's order that an awaiting row waits for, or that a person named for an unknown one.
    awaits TEXT,
    version INTEGER NOT NULL,
    planned_at INTEGER NOT NULL,
    evidence TEXT,
    -- Of the look-ups, how many found nothing although the write was old enough to be seen.
    absent INTEGER,
    -- Whether people were told that an unknown row does not settle by itself.
    escalated INTEGER,
    -- When the row was handed to the account last; null in rows of older programs.
    sent_at INTEGER,
    UNIQUE (transaction_id, slice, legs, step)
) STRICT;

-- Instruments that are locked for some time.
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

-- What happened and why. Only ever added to.
CREATE TABLE facts (
    seq INTEGER PRIMARY KEY,
    committed_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    source_name TEXT,
    source_digest TEXT,
    account TEXT,
    transaction_id INTEGER,
    symbol TEXT,
    slice INTEGER,
    op TEXT,
    code TEXT NOT NULL,
    before TEXT,
    after TEXT,
    quantity TEXT,
    span_ms INTEGER,
    text TEXT NOT NULL,
    inputs TEXT NOT NULL
) STRICT;

CREATE INDEX facts_of_transaction ON facts (transaction_id, seq)
WHERE transaction_id IS NOT NULL;

CREATE TRIGGER facts_are_never_changed BEFORE UPDATE ON facts
BEGIN
    SELECT raise(ABORT, 'facts are never changed');
END;

CREATE TRIGGER facts_are_never_removed BEFORE DELETE ON facts
BEGIN
    SELECT raise(ABORT, 'facts are never removed');
END;

CREATE TABLE policy_states (
    transaction_id INTEGER NOT NULL REFERENCES transactions (id),
    policy TEXT NOT NULL,
    state TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (transaction_id, policy)
) STRICT, WITHOUT ROWID;

CREATE TABLE policy_versions (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    loaded_at INTEGER NOT NULL,
    active INTEGER NOT NULL,
    PRIMARY KEY (name, digest)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX policy_versions_active ON policy_versions (name) WHERE active = 1;

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

-- What plugins remember of their account: the `kv` import.
CREATE TABLE kv (
    account TEXT NOT NULL REFERENCES accounts (name),
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

-- Policies that the host stopped asking; a whole version where the transaction is 0.
CREATE TABLE policy_freezes (
    policy TEXT NOT NULL,
    digest TEXT NOT NULL,
    transaction_id INTEGER NOT NULL,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,
    -- The version that decides instead, where there is one.
    back_to TEXT,
    -- Whether what the script says about errors was done.
    acted INTEGER NOT NULL,
    PRIMARY KEY (policy, digest, transaction_id)
) STRICT, WITHOUT ROWID;

-- What policies of a whole account keep.
CREATE TABLE account_policy_states (
    account TEXT NOT NULL REFERENCES accounts (name),
    policy TEXT NOT NULL,
    state TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (account, policy)
) STRICT, WITHOUT ROWID;

-- The file of parameter values that was taken last.
CREATE TABLE policy_params (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    source TEXT NOT NULL,
    digest TEXT NOT NULL,
    loaded_at INTEGER NOT NULL
) STRICT;
