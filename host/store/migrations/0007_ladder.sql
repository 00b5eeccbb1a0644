-- Partial targets of a transaction: shares of its quantity with a target each.
ALTER TABLE transactions ADD COLUMN ladder TEXT;
