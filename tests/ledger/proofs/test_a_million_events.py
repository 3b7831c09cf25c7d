"""A bundle of a whole log of a million events is written and verified in the memory of a small laptop."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.proofs.bundle import WHOLE_LOG
from ledger.proofs.note import Checkpoint, heads_line, sign_checkpoint
from ledger.proofs.one_file import one_file
from ledger.proofs.sparse import Head, key_of, packed_head, root_of_heads
from ledger.proofs.tiles import Tile, Tiles, level_above
from ledger.proofs.tree import root_of
from ledger.proofs.writing import BundleWriter, Shown
from ledger.store import canonical
from support.evidence import FIRST_US, LOG_KEY, TOPIC

EVENTS, STREAMS = 1_000_000, 100_000
MEMORY_BYTES_MAX = 600 << 20
"""Of addresses, with the interpreter and the libraries in them."""

RUN = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.torture
def test_a_million_events_are_verified_in_little_memory(tmp_path: Path) -> None:
    chance = random.Random(8)
    leaves, heads = bytearray(), dict[str, Head]()

    def events() -> Iterator[Shown]:
        for position in range(1, EVENTS + 1):
            stream = f"record/{chance.randrange(STREAMS)}"
            version = heads[stream].version + 1 if stream in heads else 1
            ciphertext, ids = chance.randbytes(300), chance.randbytes(64)
            entry = canonical.entry(
                position, stream, version, TOPIC, ids[:16], FIRST_US + position, ids[16:32], ids[32:], ciphertext
            )
            heads[stream] = Head(version, sha256(b"\x00" + entry).digest())
            leaves.extend(heads[stream].leaf)
            yield entry, ciphertext, None

    bundle = tmp_path / "log.zip"
    with bundle.open("w+b") as file:
        writer = BundleWriter(file)
        writer.events(events())
        levels = [bytes(leaves)]
        while len(levels[-1]) >= 8192:
            levels.append(level_above(levels[-1]))

        def fetch(wanted: Sequence[Tile]) -> list[bytes]:
            return [levels[t.level][t.number * 8192 : t.number * 8192 + t.width * 32] for t in wanted]

        root = root_of_heads(packed_head(key_of(stream), head) for stream, head in heads.items())
        told = Checkpoint(LOG_KEY.verifier.name, EVENTS, root_of(levels[0]), (heads_line(root),))
        key = LOG_KEY.verifier.text()
        note = sign_checkpoint(told, LOG_KEY)
        writer.finish(kind=WHOLE_LOG, checkpoint=note, key=key, tiles=Tiles(EVENTS, fetch))
    (tmp_path / "verify.py").write_text(one_file(), encoding="utf-8")

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", RUN, str(MEMORY_BYTES_MAX), "verify.py", "log.zip", "--key", key]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1_800, check=False)

    done = run()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert f"Each of the {EVENTS} events" in done.stdout
    with bundle.open("r+b") as file:
        file.seek(bundle.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    done = run()
    assert (done.returncode, done.stderr) == (1, "")
    assert "position: " in done.stdout
