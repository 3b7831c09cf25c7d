"""A receipt holds its checkpoint to the byte, through whatever editors and prints; two logs have two keys of one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.proofs.doubt import Malformed
from ledger.proofs.log_keys import of_log, parse_keys
from ledger.proofs.note import COSIGNATURE, Checkpoint, Signer, cosign, sign_checkpoint
from ledger.proofs.receipts import checkpoint_in, origin_of, receipt
from ledger.proofs.tree import EMPTY_ROOT

KEY = Signer.of("ledger.example.org", b"L" * 32)
WITNESS = Signer.of("oregon.example.org", b"w" * 32, COSIGNATURE)
NOTE = cosign(sign_checkpoint(Checkpoint("ledger.example.org", 1_234, EMPTY_ROOT), KEY), WITNESS, 1_700_000_000)
AT = datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)


def test_the_sheet_tells_a_person_and_holds_the_checkpoint() -> None:
    sheet = receipt(NOTE, KEY.verifier, AT)
    assert checkpoint_in(sheet) == NOTE
    assert origin_of(sheet) == origin_of(NOTE) == "ledger.example.org"
    text = sheet.decode()
    for said in ("1,234", "2028-02-29 23:59:59 UTC", KEY.verifier.text(), EMPTY_ROOT.hex(), "sojourn witness"):
        assert said in text
    assert all(len(line) <= 80 for line in text.split("-----BEGIN")[0].splitlines() if KEY.verifier.text() not in line)


def test_an_editor_s_line_ends_and_mark_do_no_harm() -> None:
    sheet = receipt(NOTE, KEY.verifier, AT)
    assert checkpoint_in(sheet.replace(b"\n", b"\r\n")) == NOTE
    assert checkpoint_in(b"\xef\xbb\xbf" + sheet + b"\r\nfiled by hand\r\n") == NOTE
    assert checkpoint_in(NOTE) == NOTE


def test_half_a_receipt_is_refused() -> None:
    sheet = receipt(NOTE, KEY.verifier, AT)
    for cut in (sheet[: sheet.index(b"-----END")], b"x" * (3 << 20)):
        with pytest.raises(Malformed):
            checkpoint_in(cut)
    with pytest.raises(Malformed):
        origin_of(b"no checkpoint at all\n")
    with pytest.raises(Malformed):
        receipt(b"no checkpoint at all\n", KEY.verifier, AT)


def test_one_secret_gives_each_log_a_key_of_its_own() -> None:
    ledger, access = (parse_keys([KEY.text()], log).signer for log in ("ledger", "access"))
    assert (ledger.verifier, ledger.text()) == (KEY.verifier, KEY.text())
    assert access.verifier.name == "ledger.example.org/access"
    assert access.verifier.public != ledger.verifier.public
    # Never to change: every checkpoint of an access log rests on it.
    assert access.verifier.text() == ("ledger.example.org/access+6790c0d5+AarXZSXpX/BB/ug/V1I97imbyJ/su/YQU5XA9p1asqsG")


def test_former_keys_are_known_and_do_not_sign() -> None:
    old = Signer.of("ledger.example.org", b"O" * 32)
    for former in (old.text(), old.verifier.text()):
        keys = parse_keys([KEY.text(), former, KEY.text()], "ledger")
        assert keys.known == (KEY.verifier, old.verifier)
    assert parse_keys([KEY.text(), old.text()], "access").former[0].name == "ledger.example.org/access"


def test_what_a_former_key_of_one_log_signed_is_no_checkpoint_of_the_other() -> None:
    old = Signer.of("ledger.example.org", b"O" * 32)
    of_access = of_log(old, "access").verifier
    texts = [KEY.text(), old.verifier.text(), of_access.text()]
    assert parse_keys(texts, "ledger").former == (old.verifier,)
    assert parse_keys(texts, "access").former == (of_access,)


@pytest.mark.parametrize("texts", [[], ["nonsense"], [WITNESS.text()], [KEY.verifier.text()], [KEY.text(), "nonsense"]])
def test_what_is_no_key_of_a_log_is_refused(texts: list[str]) -> None:
    with pytest.raises(Malformed) as refused:
        parse_keys(texts, "ledger")
    assert WITNESS.text() not in str(refused.value)
