"""Other forms of images beside the originals."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import telehealth.core.db

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString()
    op.create_table(
        "representation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("form", text, nullable=False),
        sa.Column("blob_key", text, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", text, nullable=False),
        sa.Column("levels", sa.Integer(), nullable=False),
        sa.Column("level_table", sa.LargeBinary(), nullable=True),
        sa.Column("not_offered", text, nullable=False),
        sa.Column("made_at", telehealth.core.db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("form IN ('htj2k', 'cine')", name=op.f("ck_representation_form")),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instance.id"], name=op.f("fk_representation_instance_id_instance"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_representation")),
        sa.UniqueConstraint("instance_id", "form", name=op.f("uq_representation_instance_id_form")),
    )


def downgrade() -> None:
    op.drop_table("representation")
