"""Which clinic booked a visit for its patient."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # no foreign key: SQLite would rebuild the table for it, and lose the triggers that forbid overlaps
    op.add_column("appointment", sa.Column("booked_from_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_appointment_booked_from_id"), "appointment", ["booked_from_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_appointment_booked_from_id"), "appointment")
    op.drop_column("appointment", "booked_from_id")
