"""The tables of the rooms. Times are seconds since 1970; secrets and tokens are stored as hashes only.

Without ``sqlite_autoincrement``, SQLite reuses the number of a deleted row.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# Constraints are named by rule, so that a migration can name each of them on every database.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _in(table: str) -> "Column[int]":
    """A column that refers to a row of that table; the row's deletion deletes this row, too."""
    return Column(f"{table[:-1]}_id", Integer, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False)


rooms = Table(
    "rooms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String(5), nullable=False, unique=True),
    Column("secret_hash", String(64), nullable=False),
    Column("challenge", Text, nullable=False),  # JSON, all but the picture
    Column("picture", LargeBinary, nullable=False),  # PNG
    Column("opens_at", Double, nullable=False),
    Column("closes_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("revealed", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

members = Table(
    "members",
    metadata,
    Column("id", Integer, primary_key=True),
    _in("rooms"),
    Column("nickname", String(20), nullable=False),
    Column("nickname_key", String(80), nullable=False),  # equal for nicknames that look the same
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("joined_at", Double, nullable=False),
    Column("tries", Integer, nullable=False),  # pictures handed in, whether they count or not
    Column("busy_until", Double, nullable=False),  # no other picture before this time
    UniqueConstraint("room_id", "nickname_key"),
    sqlite_autoincrement=True,
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", Integer, primary_key=True),
    _in("rooms"),
    _in("members"),
    Column("sequence", Integer, nullable=False),  # the number of the member's try
    Column("digest", String(64), nullable=False),  # SHA-256 of the pixels
    Column("score", Integer, nullable=False),
    Column("label", Integer, nullable=False),
    Column("probability", Double, nullable=False),
    Column("second_label", Integer),
    Column("second_probability", Double),
    Column("at", Double, nullable=False),
    Column("png", LargeBinary),  # only for a member's best one
    UniqueConstraint("room_id", "digest"),
    UniqueConstraint("member_id", "sequence"),
    Index(None, "room_id", "member_id"),
    sqlite_autoincrement=True,
)

polls = Table(
    "polls",
    metadata,
    Column("id", Integer, primary_key=True),
    _in("rooms"),
    Column("kind", String(5), nullable=False),
    Column("question", Text, nullable=False),
    Column("choices", Text, nullable=False),  # JSON, a list of texts
    Column("answer", Integer, nullable=False),  # the index of the right choice
    Column("pictures", LargeBinary, nullable=False),  # one PNG: the pictures side by side
    Column("truth", Text, nullable=False),  # the text shown when it is closed
    Column("open", Boolean, nullable=False),
    Index(None, "room_id"),
    sqlite_autoincrement=True,
)

votes = Table(
    "votes",
    metadata,
    Column("id", Integer, primary_key=True),
    _in("polls"),
    _in("members"),
    Column("choice", Integer, nullable=False),
    UniqueConstraint("poll_id", "member_id"),
    sqlite_autoincrement=True,
)
