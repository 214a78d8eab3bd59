"""Reading tasks under the names, locks and subscriptions of UPS-RS."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ups_workitem",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_uid", sa.String(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=True),
        sa.Column("progress_text", sa.String(), nullable=False),
        sa.Column("given_back_because", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name=op.f("fk_ups_workitem_referral_id_referral")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ups_workitem")),
        sa.UniqueConstraint("uid", name=op.f("uq_ups_workitem_uid")),
    )
    op.create_index(op.f("ix_ups_workitem_referral_id"), "ups_workitem", ["referral_id"])
    op.create_table(
        "ups_subscription",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("ae_title", sa.String(), nullable=False),
        sa.Column("workitem_uid", sa.String(), nullable=False),
        sa.Column("deletion_lock", sa.Boolean(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_ups_subscription_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ups_subscription")),
        sa.UniqueConstraint(
            "account_id", "ae_title", "workitem_uid", name=op.f("uq_ups_subscription_account_id_ae_title_workitem_uid")
        ),
    )
    op.create_index(op.f("ix_ups_subscription_workitem_uid"), "ups_subscription", ["workitem_uid"])


def downgrade() -> None:
    op.drop_table("ups_subscription")
    op.drop_table("ups_workitem")
