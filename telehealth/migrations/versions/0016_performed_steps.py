"""What a series was asked for and when it was made, so that searches may name it."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
COLUMNS = ("performed_date", "performed_time", "step_id", "procedure_id")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("series", sa.Column(name, sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("series", name)
