"""The kinds of tampering with a database: what somebody does, and what must be found first.

Each kind says who could do it. "A forger" may write everything but has no key; "the key's holder"
has stolen it or is its owner.
"""

from collections.abc import Callable
from dataclasses import dataclass

from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.entry import LogOpened
from monitor.ledger.tiles import decode_bundle, encode_bundle
from tests.store.building import (
    KEY,
    MINUTE_US,
    ORIGIN,
    OTHER_KEY,
    START_US,
    anchored,
    append,
    batch,
    ledger_at,
    maintenance,
    observation,
)
from tests.tampering.bases import LATER, LATER_KEY, NEXT_KEY, lost
from tests.tampering.copies import Copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of tampering; `first` is (entry or None, code) of the first finding."""

    name: str
    told: str
    base: str
    do: Callable[[Copy], object]
    first: tuple[int | None, str]
    words: str = ""
    """What the first finding's sentence names."""


Do = Callable[[Copy], object]
KINDS: list[Kind] = []
BETTER = batch([observation(0, 1_800_000, judgement=0)])
"""An observation that looks better than what was seen."""
FIRST_OUTAGE = (
    "(series, started_us) = (SELECT series, started_us FROM interval WHERE state = 2 LIMIT 1)"
)
CONFIGURATION = "CAST(bytes AS TEXT) LIKE 'agent:%'"
SPOILED = (
    "CAST(replace(CAST(note AS TEXT), substr(CAST(note AS TEXT), -20, 8), 'AAAAAAAA') AS BLOB)"
)
"""A note whose last signature is another one."""


def kind(
    base: str, first: tuple[int | None, str], words: str = "", to: list[Kind] = KINDS
) -> Callable[[Do], Do]:
    """Add a kind; its name and its sentence are the function's."""

    def add(do: Do) -> Do:
        told, name = (do.__doc__ or "").strip(), do.__name__.replace("_", "-")
        assert told
        to.append(Kind(name=name, told=told, base=base, do=do, first=first, words=words))
        return do

    return add


# The entries themselves.


@kind("database", (9, "verify.leaf"))
def entry_edited(copy: Copy) -> None:
    """An administrator makes a failed observation a good one."""
    copy.replace(9, BETTER)


@kind("database", (1, "verify.leaf"))
def clock_anchor_edited(copy: Copy) -> None:
    """The moment that everything counts from is moved by a minute."""
    copy.replace(1, anchored(wall_us=START_US + MINUTE_US))


@kind("database", (10, "verify.leaf"))
def entries_swapped(copy: Copy) -> None:
    """Two entries change places."""
    raw = copy.entries()
    copy.replace(10, raw[11])
    copy.replace(11, raw[10])


@kind("database", (20, "verify.missing"))
def entry_deleted(copy: Copy) -> None:
    """One entry in the middle is deleted."""
    copy.sql('DELETE FROM entry WHERE "index" = 20')


@kind("database", (15, "verify.leaf"))
def entry_doubled(copy: Copy) -> None:
    """An entry is written over the next one: the same good observation twice."""
    copy.replace(15, copy.entries()[14])


@kind("database", (400, "verify.beyond"))
def entry_smuggled_in(copy: Copy) -> None:
    """An entry lies where no tree reaches."""
    copy.sql("INSERT INTO entry VALUES (400, ?)", anchored())


@kind("database", (12, "verify.entry"), "cannot be read")
def entry_garbled(copy: Copy) -> None:
    """An entry's bytes are nothing any more."""
    copy.replace(12, b"\0" * 40)


@kind("database", (None, "verify.checkpoint-root"))
def notice_backdated_with_every_hash(copy: Copy) -> None:
    """A forger dates a notice of maintenance back, and hashes everything anew."""
    raw = copy.entries()
    at = next(n for n, one in enumerate(raw) if b"fibre works" in one)
    hour = 60 * MINUTE_US
    since = START_US + hour
    copy.replace(at, maintenance(since, since + hour, START_US - hour, "link-0", "link-1"))
    copy.rehash()


# The end of the log.


@kind("database", (200, "verify.missing"))
def tail_deleted(copy: Copy) -> None:
    """The last entries are deleted, and the tree still counts them."""
    copy.cut(200)


@kind("database", (None, "verify.cut"), "has only 200")
def tail_cut_with_every_hash(copy: Copy) -> None:
    """The last entries are deleted, and tree, tiles and state are made to agree."""
    copy.cut(200)
    copy.rehash()


@kind("database", (None, "verify.ahead"), "outside has seen 300")
def tail_cut_with_its_checkpoints(copy: Copy) -> None:
    """Nothing inside says any more that there was a tail: the mark from outside does."""
    copy.notes = [copy.mark]
    copy.cut(200)
    copy.rehash()
    copy.sql("DELETE FROM checkpoint WHERE size > 200")
    copy.sql("DELETE FROM cosignature WHERE size > 200")


@kind("database", (None, "verify.checkpoint-root"), "up to size 300")
def truncated_and_gone_on(copy: Copy) -> None:
    """The key's holder cuts the tail off and lets the real writer go on beyond the old size."""
    copy.notes = [copy.mark]
    copy.cut(200)
    copy.rehash()
    copy.unseal()
    with ledger_at(f"sqlite:///{copy.database}", copy.folder / "another mark") as ledger:
        append(ledger, *(anchored(why=f"other {n}") for n in range(130)))


@kind("database", (None, "verify.ahead"), "outside has seen 301")
def older_copy_restored(copy: Copy) -> None:
    """A backup, intact by itself, is put in place of the log that went on."""
    old = copy.database.read_bytes()
    with ledger_at(f"sqlite:///{copy.database}", copy.folder / "mark") as ledger:
        append(ledger, lost(300))
    copy.notes = [copy.mark]
    copy.database.write_bytes(old)


# Signatures: checkpoints, cosignatures, the mark.


@kind("database", (None, "verify.checkpoint"), "not signed by the trusted key")
def sealed_with_another_key(copy: Copy) -> None:
    """A forger without the key signs everything anew with one of the same name."""
    copy.replace(9, BETTER)
    copy.reseal(OTHER_KEY)


@kind("database", (None, "verify.equivocation"), "size 300")
def old_segment_sealed_again(copy: Copy) -> None:
    """The key's holder rewrites an old entry and seals all anew: the mark from before remains."""
    copy.notes = [copy.signed(300, KEY)]
    copy.replace(9, BETTER)
    copy.reseal(KEY)


@kind("database", (None, "verify.checkpoint-root"))
def rewritten_against_the_witness(copy: Copy) -> None:
    """The key's holder rewrites history and has no mark against him, but a witness cosigned."""
    copy.replace(9, BETTER)
    head = copy.rehash()
    copy.sql("DELETE FROM checkpoint")
    copy.sql("INSERT INTO checkpoint VALUES (?, ?)", head.size, sign_checkpoint(head, KEY))


@kind("database", (None, "verify.unsigned"), "Not one of the 300")
def unsealed(copy: Copy) -> None:
    """A log without any signature is not intact, however well it hangs together."""
    copy.unseal()


@kind("database", (None, "verify.checkpoint"))
def checkpoint_flipped(copy: Copy) -> None:
    """One bit of a kept signature."""
    row = "(SELECT min(size) FROM checkpoint)"
    copy.sql(f"UPDATE checkpoint SET note = {SPOILED} WHERE size = {row}")


@kind("database", (None, "verify.checkpoint-size"), "stored for size 7")
def checkpoint_under_another_size(copy: Copy) -> None:
    """A checkpoint is kept under a size that it does not have."""
    copy.sql("UPDATE checkpoint SET size = 7 WHERE size = (SELECT min(size) FROM checkpoint)")


@kind("database", (None, "verify.equivocation"))
def two_roots_of_one_size(copy: Copy) -> None:
    """The key's holder showed another history to somebody, who kept its checkpoint."""
    other = Checkpoint(origin=ORIGIN, size=300, root=b"\1" * 32)
    copy.notes = [sign_checkpoint(other, KEY)]


@kind("database", (None, "verify.cosigned"))
def cosignature_forged(copy: Copy) -> None:
    """A cosignature in the name of the trusted witness is not by its key."""
    first = "size = (SELECT min(size) FROM cosignature)"
    copy.sql(f"UPDATE cosignature SET note = {SPOILED} WHERE {first}")


@kind("database", (None, "verify.cosigned-row"), "other.example")
def cosignature_under_another_witness(copy: Copy) -> None:
    """A cosignature is kept as if another witness had given it."""
    row = "size = (SELECT min(size) FROM cosignature)"
    copy.sql(f"UPDATE cosignature SET witness = 'other.example+00000000' WHERE {row}")


@kind("database", (None, "verify.anchor"), "outside")
def mark_forged(copy: Copy) -> None:
    """The mark itself is replaced by one that another key signed."""
    head = Checkpoint(origin=ORIGIN, size=300, root=b"\2" * 32)
    copy.notes = [sign_checkpoint(head, OTHER_KEY)]


# Hashes and the tree.


@kind("database", (40, "verify.leaf"))
def stored_leaf_edited(copy: Copy) -> None:
    """A stored leaf hash is changed: it is never trusted, but somebody was there."""
    head = "substr(hashes, 1, 1280) || zeroblob(32) || substr(hashes, 1313)"
    copy.sql(f'UPDATE tile SET hashes = {head} WHERE level = 0 AND "index" = 0')


@kind("database", (None, "verify.figure"), "table tile, row level=1")
def upper_tile_edited(copy: Copy) -> None:
    """A hash of hashes is changed."""
    copy.sql("UPDATE tile SET hashes = zeroblob(32) WHERE level = 1")


@kind("database", (None, "verify.root"), "300")
def tree_root_edited(copy: Copy) -> None:
    """The stored root is another one."""
    copy.sql("UPDATE tree SET root = zeroblob(32)")


@kind("database", (300, "verify.missing"))
def tree_grown(copy: Copy) -> None:
    """The stored size counts entries that never were."""
    copy.sql("UPDATE tree SET size = 310")


@kind("database", (None, "verify.fold"))
def state_edited(copy: Copy) -> None:
    """The state from which the writer would go on is replaced by an older one."""
    copy.sql("UPDATE fold SET state = zeroblob(64)")


# What is derived.


@kind("database", (None, "verify.figure"), "figure state in table interval")
def outage_turned_into_uptime(copy: Copy) -> None:
    """A stored interval becomes available although the entries say otherwise."""
    copy.sql(f"UPDATE interval SET state = 1 WHERE {FIRST_OUTAGE}")


@kind("database", (None, "verify.figure-missing"), "table interval")
def outage_removed(copy: Copy) -> None:
    """A stored outage is deleted."""
    copy.sql(f"DELETE FROM interval WHERE {FIRST_OUTAGE}")


@kind("database", (None, "verify.figure"), "figure received in table rollup")
def loss_polished(copy: Copy) -> None:
    """An hour loses no packets any more."""
    copy.sql("UPDATE rollup SET received = sent WHERE sent > received")


@kind("database", (None, "verify.figure-surplus"), "table rollup")
def hour_invented(copy: Copy) -> None:
    """An hour that nobody measured has figures."""
    copy.sql("INSERT INTO rollup VALUES (0, 9999999, 5, 0, 0, 5, 5, 1, 1, 5)")


@kind("database", (None, "verify.figure"), "table incident")
def incident_shortened(copy: Copy) -> None:
    """An incident ends earlier than it did."""
    copy.sql("UPDATE incident SET ended_us = ended_us - 1 WHERE ended_us IS NOT NULL")


@kind("database", (None, "verify.figure"), "table label")
def blame_moved(copy: Copy) -> None:
    """An outage is blamed on something else."""
    copy.sql("UPDATE label SET cause = 'provider' WHERE cause = 'core'")


@kind("database", (None, "verify.figure"), "figure standing in table declaration")
def exclusion_approved_by_nobody(copy: Copy) -> None:
    """A refused exclusion counts in the table although no second account approved it."""
    copy.sql("UPDATE declaration SET standing = 'approved' WHERE standing = 'refused'")


@kind("database", (None, "verify.figure"), "table declaration")
def notice_backdated_in_the_table(copy: Copy) -> None:
    """The table says that a maintenance was announced earlier."""
    copy.sql("UPDATE declaration SET at_us = at_us - 1 WHERE kind = 'maintenance'")


@kind("database", (None, "verify.figure"), "figure rules in table series")
def rules_exchanged(copy: Copy) -> None:
    """A series is said to be judged by other rules."""
    copy.sql("UPDATE series SET rules = '[]' WHERE number = 1")


@kind("database", (None, "verify.figure"), "figure delivered in table outbox")
def receipt_edited(copy: Copy) -> None:
    """An alert that was delivered is said to have failed."""
    copy.sql("UPDATE outbox SET delivered = 0 WHERE settled_us IS NOT NULL")


# Evidence that entries name.


@kind("database", (2, "verify.record"))
def configuration_text_edited(copy: Copy) -> None:
    """The text of the configuration in force is another one under the same hash."""
    copy.sql(f"UPDATE record SET bytes = bytes || x'78' WHERE {CONFIGURATION}")


@kind("database", (2, "verify.record-missing"))
def configuration_text_deleted(copy: Copy) -> None:
    """The text of the configuration in force is gone: nobody could recompute."""
    copy.sql(f"DELETE FROM record WHERE {CONFIGURATION}")


@kind("database", (6, "verify.record"))
def posture_edited(copy: Copy) -> None:
    """The posture of a certificate is another one under the same hash."""
    copy.sql("UPDATE record SET bytes = x'00' WHERE CAST(bytes AS TEXT) LIKE 'posture%'")


@kind("database", (None, "verify.record-unknown"))
def evidence_planted(copy: Copy) -> None:
    """A record lies among the evidence that no entry names."""
    copy.sql("INSERT INTO record VALUES (zeroblob(32), 'planted')")


# Keys and their epochs.


@kind("rotated", (None, "verify.epoch"), KEY.verifier.key_id.hex())
def old_key_after_the_hand_over(copy: Copy) -> None:
    """A key that was handed over, and perhaps stolen since, signs what came later."""
    copy.reseal(KEY)


@kind("rotated", (None, "verify.epoch"), NEXT_KEY.verifier.key_id.hex())
def new_key_before_the_hand_over(copy: Copy) -> None:
    """The new key vouches for entries from before it was in force."""
    copy.notes = [copy.signed(8, NEXT_KEY)]


@kind("rotated", (None, "verify.checkpoint"))
def third_key(copy: Copy) -> None:
    """A key that the log names nowhere signs its newest checkpoint."""
    copy.reseal(OTHER_KEY)


# A log that was pruned.


@kind("pruned", (0, "verify.missing"))
def pruning_untold(copy: Copy) -> None:
    """Entries are gone and nothing says that they were pruned."""
    copy.sql("DELETE FROM pruning")


@kind("pruned", (None, "verify.pruned-claim"), "512")
def pruning_widened(copy: Copy) -> None:
    """The boundary is said to lie higher than the log tells."""
    copy.sql("UPDATE pruning SET boundary = 512")


@kind("pruned", (None, "verify.checkpoint-root"))
def hash_above_the_pruned_edited(copy: Copy) -> None:
    """The one hash that stands for the pruned entries is another one."""
    copy.sql("UPDATE tile SET hashes = zeroblob(32) WHERE level = 1")


@kind("pruned", (282, "verify.record-missing"))
def state_at_the_boundary_edited(copy: Copy) -> None:
    """What stood open at the boundary is changed."""
    copy.sql("UPDATE record SET bytes = bytes || x'00' WHERE length(bytes) > 300")


@kind("pruned", (5, "verify.beyond"))
def pruned_entry_brought_back(copy: Copy) -> None:
    """Where entries were pruned, another one appears."""
    copy.sql("INSERT INTO entry VALUES (5, ?)", anchored())


@kind("pruned", (None, "verify.figure"), "table interval")
def pruned_figure_edited(copy: Copy) -> None:
    """A figure from before the boundary is changed; with the archive it is found."""
    copy.with_archive = True
    copy.sql(
        "UPDATE interval SET state = 7 WHERE (series, started_us) ="
        " (SELECT series, started_us FROM interval ORDER BY started_us LIMIT 1)"
    )


@kind("pruned", (9, "verify.leaf"))
def archive_edited(copy: Copy) -> None:
    """An entry in the archive is changed after the database let it go."""
    copy.with_archive = True
    place = copy.folder / "archive" / "tile" / "entries" / "000"
    entries = list(decode_bundle(place.read_bytes(), 256))
    entries[9] = BETTER
    place.write_bytes(encode_bundle(entries))


# A log and its successor.


@kind("chain", (None, "verify.equivocation"))
def predecessor_with_another_end(copy: Copy) -> None:
    """The owner of the earlier log wrote another end than the successor names."""
    copy.replace(5, anchored(why="another end"))
    copy.reseal(KEY)


@kind("chain", (0, "verify.succession"), LATER)
def predecessor_named_without_its_key(copy: Copy) -> None:
    """The successor names a checkpoint that the earlier log's key never signed."""
    head = Checkpoint(origin=ORIGIN, size=6, root=bytes(32))
    note = sign_checkpoint(head, OTHER_KEY).decode()
    for name in ("later.db", "later.db-wal", "later"):
        (copy.folder / name).unlink(missing_ok=True)
    with ledger_at(f"sqlite:///{copy.folder}/later.db", copy.folder / "later", LATER_KEY) as log:
        opened = LogOpened(origin=LATER, vantage="kupang", opened_us=START_US, previous=note)
        append(log, opened.to_bytes())
