"""The first schema: files, videos, clips and facts of the library."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "meta",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "video",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("content", sa.String(32), nullable=False, unique=True),
        sa.Column("duration", sa.Double, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("fps", sa.Double, nullable=False),
        sa.Column("codec", sa.String, nullable=False),
        sa.Column("damaged", sa.Integer, nullable=False),
        sa.Column("added", sa.DateTime, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "file",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.String, nullable=False, unique=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified", sa.BigInteger, nullable=False),
        sa.Column("content", sa.String(32), index=True),
        sa.Column("video_id", sa.Integer, sa.ForeignKey("video.id"), index=True),
        sa.Column("reason", sa.String),
    )
    op.create_table(
        "clip",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("video_id", sa.Integer, sa.ForeignKey("video.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("start", sa.Double, nullable=False),
        sa.Column("end", sa.Double, nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
