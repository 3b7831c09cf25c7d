-- A session may have been begun by taking a seat of practice space (api/practice.py). The previous release makes none.
alter table ledger.sessions drop constraint sessions_method_check;
alter table ledger.sessions add constraint sessions_method_check check (method in ('local', 'oidc', 'practice'));
