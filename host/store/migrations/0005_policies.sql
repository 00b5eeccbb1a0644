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
