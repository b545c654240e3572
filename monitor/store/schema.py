"""The tables. `entry`, `record`, `checkpoint`, `cosignature` and `stamp` are evidence; the rest is
derived from the entries, but for `outbox`, which is work to be done.

Primary keys are given, never drawn from a sequence: a sequence may skip, a log may not.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

HEAD = "0006"
"""The newest migration; a test compares it with the scripts."""

metadata = MetaData()


def _key(name: str, kind: type[Integer] = BigInteger) -> Column[int]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _number(name: str, kind: type[Integer] = BigInteger, nullable: bool = False) -> Column[int]:
    return Column(name, kind, nullable=nullable)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _blob(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


entry = Table("entry", metadata, _key("index"), _blob("bytes"))
record = Table(
    "record",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    _blob("bytes"),
    sqlite_with_rowid=False,
)
checkpoint = Table("checkpoint", metadata, _key("size"), _blob("note"))
cosignature = Table(
    "cosignature",
    metadata,
    Column("witness", Text, primary_key=True),
    _key("size"),
    _blob("note"),
)
stamp = Table(
    "stamp",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    _text("authority"),
    _number("size"),
    _blob("note"),
    _blob("reply"),
    sqlite_with_rowid=False,
)
"""Time-stamp tokens: the authority's reply by its SHA-256, and the checkpoint that it stamps."""
tree = Table(
    "tree",
    metadata,
    _key("id", SmallInteger),
    _text("origin"),
    _number("size"),
    _blob("root"),
    CheckConstraint("id = 1"),
)
tile = Table(
    "tile",
    metadata,
    _key("level", SmallInteger),
    _key("index"),
    _blob("hashes"),
)
pruning = Table(
    "pruning",
    metadata,
    _key("id", SmallInteger),
    _number("boundary"),
    _number("entry"),
    CheckConstraint("id = 1"),
)
"""Below which entry the log was pruned, and which entry says so; a claim that `verify` checks."""
fold = Table(
    "fold",
    metadata,
    _key("id", SmallInteger),
    _number("size"),
    _blob("state"),
    CheckConstraint("id = 1"),
)
series = Table(
    "series",
    metadata,
    _key("number"),
    _text("target"),
    _text("kind"),
    _text("definition"),
    _text("check"),
    _number("family", SmallInteger),
    _text("vantage"),
    _number("interval_us"),
    _text("rules"),
    Column("withdrawn", Boolean, nullable=False),
)
interval = Table(
    "interval",
    metadata,
    _key("series"),
    _key("started_us"),
    _number("ended_us"),
    _number("state", SmallInteger),
    sqlite_with_rowid=False,
)
rollup = Table(
    "rollup",
    metadata,
    _key("series"),
    _key("hour"),
    _number("available"),
    _number("unavailable"),
    _number("unobserved"),
    _number("sent"),
    _number("received"),
    _number("delay_min_us", nullable=True),
    _number("delay_max_us", nullable=True),
    _number("delay_sum_us"),
    sqlite_with_rowid=False,
)
incident = Table(
    "incident",
    metadata,
    _key("id"),
    _text("target"),
    _text("check"),
    _number("family", SmallInteger),
    _text("policy"),
    _text("rule"),
    _number("severity", SmallInteger),
    _text("reasons"),
    _number("since_us"),
    _number("opened_us"),
    _number("step"),
    _text("act"),
    _number("ended_since_us", nullable=True),
    _number("ended_us", nullable=True),
    _text("acknowledged_by"),
    _number("acknowledged_us", nullable=True),
    Column("acknowledged_reason", Text, nullable=False, server_default=""),
)
label = Table(
    "label",
    metadata,
    _key("id"),
    _text("label"),
    _text("target"),
    _text("cause"),
    _number("since_us"),
    _number("until_us", nullable=True),
)
declaration = Table(
    "declaration",
    metadata,
    _key("id"),
    Column("target", Text, primary_key=True),
    _text("kind"),
    _number("since_us"),
    _number("until_us"),
    _text("cause"),
    _number("incident", nullable=True),
    _text("author"),
    _text("reason"),
    _number("at_us"),
    _text("standing"),
    _text("decided_by"),
    _number("decided_us", nullable=True),
)
silence = Table(
    "silence",
    metadata,
    _key("id"),
    _text("targets"),
    _text("tags"),
    _text("rules"),
    _number("until_us"),
    _text("author"),
    _text("reason"),
    _number("at_us"),
    _number("ended_us", nullable=True),
    _text("ended_by"),
)
held = Table(
    "held",
    metadata,
    _key("incident"),
    _text("cause"),
    _number("by"),
    _text("routes"),
    _number("at_us"),
    _number("released_us", nullable=True),
)
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    _number("incident"),
    _number("step"),
    _text("route"),
    _text("payload"),
    _number("created_us"),
    _number("settled_us", nullable=True),
    Column("delivered", Boolean, nullable=True),
    _number("attempts"),
    Index("outbox_pending", "settled_us"),
)

DERIVED = (
    series,
    interval,
    rollup,
    incident,
    label,
    declaration,
    silence,
    held,
    tile,
    tree,
)
"""What `verify` rebuilds from the entries and compares, row by row."""
