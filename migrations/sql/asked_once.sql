-- What an open case asks about, where no second one may ask the same while it is open. Of cases that stand open, none is
-- of a kind that is so asked: nothing opened any before this revision.
alter table ledger.open_cases add column about text;
comment on column ledger.open_cases.about is
    'Act of a doubtful link, or record of a different child: no other open case of the kind is about it. Else null.';
create unique index open_cases_by_about on ledger.open_cases (kind, about) where about is not null;
