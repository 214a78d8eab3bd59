"""Where frames stand, metadata kept compressed, patient names word by word."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

from telehealth.core.db import pack_text, unpack_text
from telehealth.core.names import fold

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROWS = 500


def upgrade() -> None:
    op.create_table(
        "name_word",
        sa.Column("word", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_name_word_study_id_study"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("word", "study_id", name=op.f("pk_name_word")),
    )
    op.create_index(op.f("ix_name_word_study_id"), "name_word", ["study_id"])
    op.create_index(op.f("ix_study_received_at"), "study", ["received_at"])
    op.drop_index(op.f("ix_instance_series_id"), "instance")
    op.create_index("ix_instance_series_id_number", "instance", ["series_id", "number"])
    op.add_column("instance", sa.Column("frame_length", sa.BigInteger(), nullable=True))
    op.add_column("instance", sa.Column("frame_table", sa.LargeBinary(), nullable=True))
    _rewrite_metadata(sa.LargeBinary(), pack_text)
    _spell_names()


def downgrade() -> None:
    _rewrite_metadata(sa.String(), unpack_text)
    op.drop_column("instance", "frame_table")
    op.drop_column("instance", "frame_length")
    op.drop_index("ix_instance_series_id_number", "instance")
    op.create_index(op.f("ix_instance_series_id"), "instance", ["series_id"])
    op.drop_index(op.f("ix_study_received_at"), "study")
    op.drop_table("name_word")


def _rewrite_metadata(kind: sa.types.TypeEngine[Any], change: Callable[[Any], Any]) -> None:
    """Every row's metadata in its other form, under the same name."""
    op.add_column("instance", sa.Column("rewritten", kind, nullable=True))
    table = sa.table("instance", sa.column("id", sa.Uuid()), sa.column("metadata_json"), sa.column("rewritten", kind))
    last, connection = None, op.get_bind()
    while True:
        rows = sa.select(table.c.id, table.c.metadata_json).order_by(table.c.id).limit(ROWS)
        found = connection.execute(rows if last is None else rows.where(table.c.id > last)).all()
        for row in found:
            connection.execute(table.update().where(table.c.id == row.id).values(rewritten=change(row.metadata_json)))
        if len(found) < ROWS:
            break
        last = found[-1].id
    with op.batch_alter_table("instance") as batch:
        batch.drop_column("metadata_json")
        batch.alter_column("rewritten", new_column_name="metadata_json", existing_type=kind, nullable=False)


def _spell_names() -> None:
    study = sa.table("study", sa.column("id", sa.Uuid()), sa.column("dicom_patient_name", sa.String()))
    word = sa.table("name_word", sa.column("word", sa.String()), sa.column("study_id", sa.Uuid()))
    connection = op.get_bind()
    for row in connection.execute(sa.select(study.c.id, study.c.dicom_patient_name)).all():
        if words := set(fold(row.dicom_patient_name).split()):
            connection.execute(word.insert(), [{"word": one, "study_id": row.id} for one in words])
