"""What the pipeline knows of a study: settled, urgent, for whom, with which earlier ones, with text in its pixels."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXTS = {"priority": "routine", "subspecialty": "", "burned_in": ""}


def upgrade() -> None:
    with op.batch_alter_table("study") as table:
        table.add_column(sa.Column("settled_version", sa.Integer(), nullable=False, server_default="0"))
        for name, empty in TEXTS.items():
            table.add_column(sa.Column(name, sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default=empty))
        table.add_column(sa.Column("prior_ids", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("study") as table:
        for name in ("prior_ids", *TEXTS, "settled_version"):
            table.drop_column(name)
