"""Which ranges of rows have changed, for snapshots."""

import secrets

import sqlalchemy as sa
from alembic import op

from serve_apps.migrations.tracking import track

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

IN_NUMBERS = {
    "events": "seq",
    "event_people": "event_seq",
    "notices": "event_seq",
    "gallery_changes": "seq",
    "recognition_failures": "seq",
    "recent_frames": "seq",
    "rollouts": "seq",
    "audit": "seq",
    "alerts": "seq",
}
IN_NAMES = {"people": "id", "gallery_faces": "id", "embeddings": "face_id"}
WHOLE = ("api_keys", "devices", "device_codes", "rollout_claim", "load_facts")


def upgrade() -> None:
    op.create_table(
        "backup_clock",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "backup_tracked",
        sa.Column("table_name", sa.String(length=64), nullable=False),
        sa.Column("column_name", sa.String(length=64), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("table_name"),
    )
    op.create_table(
        "backup_marks",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    one = ("table_name", "range_key") if sqlite else ("table_name", "range_key", "mark")
    op.create_table(
        "backup_changes",
        sa.Column("table_name", sa.String(length=64), nullable=False),
        sa.Column("range_key", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint(*one),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO backup_clock VALUES (1, '{secrets.token_hex(16)}', 1, 0, 0)")
    if not sqlite:  # a table that is emptied at once tells no rows: from then on nothing is known
        op.execute(
            "CREATE FUNCTION backup_note_truncate() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN UPDATE backup_clock SET until = 0; RETURN NULL; END $$"
        )
    for table, column in IN_NUMBERS.items():
        track(table, column, 1000)
    track("load_counts", "start", 10_000)
    for table, column in IN_NAMES.items():
        track(table, column)
    for table in WHOLE:
        track(table)
