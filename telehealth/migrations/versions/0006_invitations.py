"""Invitations into a room; a visit's leader and its emergency; files announced in the chat."""

import sqlalchemy as sa
from alembic import op

from telehealth.core.db import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room_pass",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("room", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("secret_hash", sa.String(), nullable=True),
        sa.Column("cookie_hash", sa.String(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("exchanged_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_room_pass_account_id_account")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_room_pass_created_by_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_pass")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_room_pass_secret_hash")),
        sa.UniqueConstraint("cookie_hash", name=op.f("uq_room_pass_cookie_hash")),
    )
    op.create_index(op.f("ix_room_pass_room"), "room_pass", ["room"])
    op.add_column("chat_line", sa.Column("document_id", sa.Uuid(), nullable=True))
    with op.batch_alter_table("visit") as batch_op:
        batch_op.add_column(sa.Column("led_by", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("emergency_at", UtcDateTime(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_visit_led_by_account"), "account", ["led_by"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("visit") as batch_op:
        batch_op.drop_constraint(op.f("fk_visit_led_by_account"), type_="foreignkey")
        batch_op.drop_column("emergency_at")
        batch_op.drop_column("led_by")
    op.drop_column("chat_line", "document_id")
    op.drop_table("room_pass")
