"""Notes, checkpoints and cosignatures: C2SP's own examples, and everything that is almost one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs import note
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.note import COSIGNATURE, Checkpoint, Signer, Verifier, open_checkpoint, open_note, sign_note

LOG = Signer.of("ledger.example.org", bytes(range(32)))
OTHER = Signer.of("other.example.org", b"o" * 32)
WITNESS = Signer.of("oregon.example.org/witness", b"w" * 32, COSIGNATURE)
TEXT = "ledger.example.org\n7\n" + "A" * 43 + "=\n"
NOTE = sign_note(TEXT, [LOG])

# The key and note of Go's package golang.org/x/mod/sumdb/note, in its documentation.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
""".encode()


def test_a_note_that_is_not_ours_opens_with_its_key() -> None:
    verifier = Verifier.parse(PETER)
    assert verifier.text() == PETER
    opened = open_note(PETER_NOTE, [LOG.verifier, verifier])
    assert opened.text == PETER_NOTE.split(b"\n\n")[0] + b"\n"
    assert opened.signed == (note.Signed(verifier, None),)


def test_keys_come_back_from_their_text() -> None:
    for signer in (LOG, WITNESS):
        assert Signer.parse(signer.text()).text() == signer.text()
        assert Verifier.parse(signer.verifier.text()) == signer.verifier
    assert LOG.verifier.key_id != Signer.of(LOG.verifier.name, bytes(range(32)), COSIGNATURE).verifier.key_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("c74f20a3", "74f20a3"),
        PETER.replace("Peter", "Pet er"),
        PETER.replace("Peter", "Pet\u00a0er"),
        PETER.replace("PeterNeumann", ""),
        PETER[:-1],
        PETER + "=",
        PETER + "\n",
        PETER.replace("+AR", "+Ag"),
        PETER[:-1] + "X",
    ],
)
def test_a_key_with_a_wrong_character_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Verifier.parse(text)


def test_a_secret_key_is_refused_without_being_quoted() -> None:
    secret = LOG.text()
    wrong = [secret[:-2], secret.replace("PRIVATE", "PUBLIC"), secret.replace("ledger", "ledgers"), LOG.verifier.text()]
    for text in wrong:
        with pytest.raises(Malformed) as refused:
            Signer.parse(text)
        assert secret[-20:-2] not in refused.value.what


def test_a_note_is_signed_by_several_and_strangers_do_not_count() -> None:
    both = sign_note(TEXT, [LOG, OTHER])
    opened = open_note(both, [OTHER.verifier])
    assert [s.by for s in opened.signed] == [OTHER.verifier]
    assert opened.strangers == 1
    with pytest.raises(Doubt):
        open_note(both, [Verifier.parse(PETER)])
    with pytest.raises(Doubt):
        open_note(both, [])


def test_a_known_key_whose_signature_does_not_fit_condemns_the_note() -> None:
    text, _, lines = sign_note(TEXT, [LOG, OTHER]).rpartition(b"\n\n")
    first, second, _ = lines.split(b"\n")
    name, data = second.rsplit(b" ", 1)
    forged = text + b"\n\n" + first + b"\n" + name + b" " + data[:20] + b"AAAA" + data[24:] + b"\n"
    with pytest.raises(Doubt):
        open_note(forged, [LOG.verifier, OTHER.verifier])
    assert open_note(forged, [LOG.verifier]).strangers == 1


def test_a_key_of_the_same_name_and_another_id_is_a_stranger() -> None:
    namesake = Signer.of(LOG.verifier.name, b"n" * 32)
    opened = open_note(sign_note(TEXT, [namesake, LOG]), [LOG.verifier])
    assert opened.strangers == 1


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\n",
        NOTE[:-1],
        NOTE + b"\n",
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace(b"\n\n", b"\n\n\n"),
        NOTE.replace(b"\n", b"\r\n"),
        NOTE.replace(b"7", b"7\t"),
        NOTE.replace(b"7", b"7\x00"),
        NOTE.replace(b"7", b"\xff"),
        NOTE.replace("— ".encode(), b"- "),
        NOTE.replace("— ".encode(), "—  ".encode()),
        NOTE.replace(b"org ", b"o+g "),
        NOTE[:-2] + b"\n",
        NOTE[:-1] + b"=\n",
        NOTE[:-1] + b" \n",
        NOTE + NOTE.rpartition(b"\n\n")[2],
        NOTE + b"x" * 1_000_001,
        NOTE + b"".join(sign_note(TEXT, [OTHER]).rpartition(b"\n\n")[2] for _ in range(100)),
    ],
)
def test_what_is_almost_a_note_is_refused(broken: bytes) -> None:
    with pytest.raises(Doubt):
        open_note(broken, [LOG.verifier])


@given(st.data())
def test_no_byte_of_a_note_can_be_changed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(NOTE) - 1))
    changed = bytearray(NOTE)
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Doubt):
        open_note(bytes(changed), [LOG.verifier])


@pytest.mark.parametrize("text", ["no newline", "a\tb\n", "a\x01\n", "a\r\n"])
def test_no_note_is_made_of_what_could_not_be_opened(text: str) -> None:
    with pytest.raises(Malformed):
        sign_note(text, [LOG])


def test_a_text_may_hold_empty_lines_and_any_language() -> None:
    text = "¿Quién?\n\nNiña\n\n"
    assert open_note(sign_note(text, [LOG]), [LOG.verifier]).text.decode() == text


# -- checkpoints


CHECKPOINT = Checkpoint(LOG.verifier.name, 7, b"r" * 32, (note.heads_line(b"h" * 32),))


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    signed = note.sign_checkpoint(CHECKPOINT, LOG)
    assert open_checkpoint(signed, LOG.verifier)[0] == CHECKPOINT
    assert CHECKPOINT.heads() == b"h" * 32
    assert CHECKPOINT._replace(extensions=("else",)).heads() is None


@pytest.mark.parametrize("size", ["07", "-1", "+7", "7 ", " 7", "", "7.0", "0x7", "٧", str(2**63), "9" * 30])
def test_a_size_that_could_be_written_otherwise_is_refused(size: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(TEXT.replace("\n7\n", f"\n{size}\n").encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n7\n",
        TEXT[:-1],
        TEXT + "\n",
        "\n" + TEXT,
        TEXT.replace("\n7", "\n\n7"),
        TEXT.replace("A=", "A"),
        TEXT.replace("A=", "B="),
        TEXT.replace("A=", "AA"),
        TEXT.replace("A", "", 4),
        TEXT.replace("AA", "_-", 1),
        TEXT + "x\n\ny\n",
        TEXT + "x\ty\n",
    ],
)
def test_what_is_almost_a_checkpoint_is_refused(text: str) -> None:
    assert Checkpoint.parse(TEXT.encode()).text() == TEXT
    with pytest.raises(Malformed):
        Checkpoint.parse(text.encode())


@pytest.mark.parametrize("lines", [("heads",), ("heads AAAA",), ("heads x",), (note.heads_line(b"h" * 32),) * 2])
def test_a_root_of_heads_is_told_once_and_whole(lines: tuple[str, ...]) -> None:
    with pytest.raises(Malformed):
        CHECKPOINT._replace(extensions=lines).heads()


def test_a_checkpoint_of_another_log_is_refused() -> None:
    with pytest.raises(Malformed):
        note.sign_checkpoint(CHECKPOINT, OTHER)
    of_another = sign_note(CHECKPOINT.text(), [OTHER])
    with pytest.raises(Doubt) as refused:
        open_checkpoint(of_another, OTHER.verifier)
    assert (refused.value.expected, refused.value.found) == (OTHER.verifier.name, LOG.verifier.name)


# -- witnesses


def test_a_witness_cosigns_with_the_time() -> None:
    signed = note.cosign(note.sign_checkpoint(CHECKPOINT, LOG), WITNESS, 1_679_315_147)
    _, opened = open_checkpoint(signed, LOG.verifier, [WITNESS.verifier])
    assert {s.by.name: s.at for s in opened.signed} == {LOG.verifier.name: None, WITNESS.verifier.name: 1_679_315_147}
    assert open_checkpoint(signed, LOG.verifier)[1].strangers == 1


def test_a_witness_who_cosigns_once_more_signs_in_the_place_of_its_former_line() -> None:
    other = Signer.of("other.example.org", b"o" * 32, COSIGNATURE)
    once = note.cosign(note.cosign(note.sign_checkpoint(CHECKPOINT, LOG), WITNESS, 5), other, 6)
    again = note.cosign(once, WITNESS, 7)
    _, opened = open_checkpoint(again, LOG.verifier, [WITNESS.verifier, other.verifier])
    assert [(one.by.name, one.at) for one in opened.signed[1:]] == [
        (other.verifier.name, 6),
        (WITNESS.verifier.name, 7),
    ]


def test_a_witness_that_is_named_and_has_not_cosigned_is_missed() -> None:
    signed = note.sign_checkpoint(CHECKPOINT, LOG)
    with pytest.raises(Doubt, match="oregon"):
        open_checkpoint(signed, LOG.verifier, [WITNESS.verifier])
    cosigned_only = note.sign_note(CHECKPOINT.text(), [WITNESS], at=5)
    with pytest.raises(Doubt, match=LOG.verifier.name):
        open_checkpoint(cosigned_only, LOG.verifier, [WITNESS.verifier])


def test_the_time_of_a_cosignature_cannot_be_changed() -> None:
    signed = note.sign_checkpoint(CHECKPOINT, LOG)
    text, _ = note.split(signed)
    for at in (5, 2**63):
        line = f"— {WITNESS.verifier.name} " + note._base64(
            WITNESS.verifier.key_id + at.to_bytes(8) + WITNESS.private.sign(note._cosigned(text, 6 if at == 5 else at))
        )
        with pytest.raises(Doubt):
            open_checkpoint(signed + line.encode() + b"\n", LOG.verifier, [WITNESS.verifier])


def test_two_keys_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(Malformed):
        open_note(NOTE, [LOG.verifier, LOG.verifier])
