"""What only the database can promise: no overlapping bookings, logs and signatures that never change."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LIVE = "('booked', 'arrived')"
APPEND_ONLY = ("audit_entry", "report_version", "consent", "referral_event")
PARTIES = ("practitioner", "patient")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _postgresql() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    for party in PARTIES:
        op.execute(
            f"ALTER TABLE appointment ADD CONSTRAINT appointment_{party}_overlap EXCLUDE USING gist "
            f"({party}_id WITH =, tstzrange(start_at, end_at, '[)') WITH &&) WHERE (status IN {LIVE})"
        )
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _sqlite() -> None:
    for party in PARTIES:
        overlap = (
            f"SELECT RAISE(ABORT, 'appointment_{party}_overlap') FROM appointment other "
            f"WHERE other.{party}_id = NEW.{party}_id AND other.id <> NEW.id AND other.status IN {LIVE} "
            f"AND other.start_at < NEW.end_at AND NEW.start_at < other.end_at"
        )
        for verb in ("INSERT", "UPDATE"):
            op.execute(
                f"CREATE TRIGGER appointment_{party}_overlap_{verb.lower()} BEFORE {verb} ON appointment "
                f"WHEN NEW.status IN {LIVE} BEGIN {overlap}; END"
            )
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in APPEND_ONLY:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        op.execute("DROP FUNCTION refuse_change()")
        for party in PARTIES:
            op.execute(f"ALTER TABLE appointment DROP CONSTRAINT appointment_{party}_overlap")
        return
    for party in PARTIES:
        for verb in ("insert", "update"):
            op.execute(f"DROP TRIGGER appointment_{party}_overlap_{verb}")
    for table in APPEND_ONLY:
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER {table}_no_{verb}")
