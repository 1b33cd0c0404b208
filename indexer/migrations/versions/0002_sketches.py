"""Sketches: small pictures of every clip, by which copies are told from what is only alike."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make their table; videos that were indexed before have none."""
    op.create_table(
        "sketch",
        sa.Column("video_id", sa.Integer, sa.ForeignKey("video.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("start", sa.Double, primary_key=True),
        sa.Column("pictures", sa.LargeBinary, nullable=False),
    )
