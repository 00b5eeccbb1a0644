-- What settles a doubt, how long protection was missing, and closes that failed.
ALTER TABLE transactions ADD COLUMN gap_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE transactions ADD COLUMN gap_total_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE transactions ADD COLUMN gap_longest_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE transactions ADD COLUMN close_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE transactions ADD COLUMN close_retry_at INTEGER;
ALTER TABLE slices ADD COLUMN breached INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN stuck INTEGER NOT NULL DEFAULT 0;
-- Of the look-ups, how many found nothing although the write was old enough to be seen.
ALTER TABLE outbox ADD COLUMN absent INTEGER;
-- Whether people were told that an unknown row does not settle by itself.
ALTER TABLE outbox ADD COLUMN escalated INTEGER;
-- When the row was handed to the account last; null in rows of older programs.
ALTER TABLE outbox ADD COLUMN sent_at INTEGER;
