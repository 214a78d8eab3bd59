"""How long studies are kept, what a hold keeps, and the reports of the walks over stored objects."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import telehealth.core.db

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString()
    op.add_column("study", sa.Column("retention", text, nullable=False, server_default="ordinary"))
    op.add_column("study", sa.Column("hold_because", text, nullable=False, server_default=""))
    op.create_table(
        "verification",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("started_at", telehealth.core.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", telehealth.core.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_id", sa.Uuid(), nullable=True),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("fault_count", sa.Integer(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification")),
    )
    op.create_index(op.f("ix_verification_started_at"), "verification", ["started_at"])


def downgrade() -> None:
    op.drop_table("verification")
    op.drop_column("study", "hold_because")
    op.drop_column("study", "retention")
