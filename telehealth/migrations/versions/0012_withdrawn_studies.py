"""Studies that were withdrawn keep why and by whom; a clinic's newest studies are found in their order."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import telehealth.core.db

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("study", sa.Column("withdrawn_at", telehealth.core.db.UtcDateTime(timezone=True), nullable=True))
    op.add_column("study", sa.Column("withdrawn_because", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column("study", sa.Column("withdrawn_by_id", sa.Uuid(), nullable=True))
    op.add_column("study", sa.Column("kept_until", sa.Date(), nullable=True))
    op.drop_index(op.f("ix_study_organisation_id"), "study")
    op.create_index("ix_study_organisation_id_study_date", "study", ["organisation_id", "study_date", "received_at"])


def downgrade() -> None:
    op.drop_index("ix_study_organisation_id_study_date", "study")
    op.create_index(op.f("ix_study_organisation_id"), "study", ["organisation_id"])
    for name in ("kept_until", "withdrawn_by_id", "withdrawn_because", "withdrawn_at"):
        op.drop_column("study", name)
