"""Files that come in pieces."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import telehealth.core.db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString
TIME = telehealth.core.db.UtcDateTime
INDEXED = ("upload_id", "sha256", "study_uid", "expires_at")


def upgrade() -> None:
    op.create_table(
        "parcel",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("name", TEXT(), nullable=False),
        sa.Column("sha256", TEXT(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("encoding", TEXT(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.JSON(), nullable=False),
        sa.Column("state", TEXT(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("study_uid", TEXT(), nullable=False),
        sa.Column("series_uid", TEXT(), nullable=False),
        sa.Column("sop_uid", TEXT(), nullable=False),
        sa.Column("hints", sa.JSON(), nullable=False),
        sa.Column("expires_at", TIME(timezone=True), nullable=False),
        sa.Column("at", TIME(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'done')", name=op.f("ck_parcel_state")),
        sa.ForeignKeyConstraint(["file_id"], ["upload_file.id"], name=op.f("fk_parcel_file_id_upload_file")),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_parcel_upload_id_upload")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel")),
    )
    for column in INDEXED:
        op.create_index(op.f(f"ix_parcel_{column}"), "parcel", [column], unique=False)


def downgrade() -> None:
    for column in INDEXED:
        op.drop_index(op.f(f"ix_parcel_{column}"), "parcel")
    op.drop_table("parcel")
