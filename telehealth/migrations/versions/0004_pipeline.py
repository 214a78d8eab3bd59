"""What the pipeline knows of a study: settled, urgent, for whom, with which earlier ones, with text in its pixels."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXTS = {"priority": "routine", "subspecialty": "", "burned_in": ""}


def upgrade() -> None:
    op.add_column("study", sa.Column("settled_version", sa.Integer(), nullable=False, server_default="0"))
    for name, empty in TEXTS.items():
        op.add_column("study", sa.Column(name, sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default=empty))
    op.add_column("study", sa.Column("prior_ids", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    for name in ("prior_ids", *TEXTS, "settled_version"):
        op.drop_column("study", name)
