"""What pages measured of their calls."""

import sqlalchemy as sa
from alembic import op

from telehealth.core.db import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_leg",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("room", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Uuid(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("join_ms", sa.Integer(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("rtt_ms", sa.Float(), nullable=False),
        sa.Column("loss_in", sa.Float(), nullable=False),
        sa.Column("loss_out", sa.Float(), nullable=False),
        sa.Column("worst_loss", sa.Float(), nullable=False),
        sa.Column("frozen_ms", sa.Integer(), nullable=False),
        sa.Column("freezes", sa.Integer(), nullable=False),
        sa.Column("sound_only_looks", sa.Integer(), nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sent_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_leg")),
        sa.UniqueConstraint("room", "line", "to", name=op.f("uq_call_leg_room_line_to")),
    )
    op.create_index(op.f("ix_call_leg_room"), "call_leg", ["room"])
    op.create_index(op.f("ix_call_leg_began_at"), "call_leg", ["began_at"])
    op.create_table(
        "call_samples",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("leg_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["leg_id"], ["call_leg.id"], name=op.f("fk_call_samples_leg_id_call_leg")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_samples")),
    )
    op.create_index(op.f("ix_call_samples_leg_id"), "call_samples", ["leg_id"])
    op.create_index(op.f("ix_call_samples_at"), "call_samples", ["at"])


def downgrade() -> None:
    op.drop_table("call_samples")
    op.drop_table("call_leg")
