"""Who has looked at the pictures before a copy without names may leave."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import telehealth.core.db

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pixel_review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("study_version", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", telehealth.core.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_pixel_review_account_id_account")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_pixel_review_study_id_study"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pixel_review")),
        sa.UniqueConstraint("study_id", "study_version", name=op.f("uq_pixel_review_study_id_study_version")),
    )


def downgrade() -> None:
    op.drop_table("pixel_review")
