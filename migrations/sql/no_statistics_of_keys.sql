-- What ANALYZE copies of a column outlives the row. No copy of a wrapped key may, nor of what opens a file that waits.
alter table vault.keys alter column wrapped set statistics 0;
alter table ledger.uploads alter column spool_key set statistics 0;

-- Setting it to 0 leaves what was copied already; a change of type, to the same, drops that and rewrites nothing.
alter table vault.keys alter column wrapped type bytea;
alter table ledger.uploads alter column spool_key type bytea;
