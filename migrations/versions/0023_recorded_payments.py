"""Payments say how they were made; those that a shop records say who did, when it was received, and perhaps a note.

Going back stops at the first payment that was recorded: the older tables cannot hold it.
"""

import sqlalchemy as sa
from alembic import op

from migrations.rebuild import rebuild

revision = "0023_recorded_payments"
down_revision = "0022_csv_separator"

METHOD = "method IN ('provider', 'cash', 'bank_transfer', 'check', 'other')"
CHECKS = [
    ("method", METHOD),
    ("card", "(method = 'provider') = (test_card IS NOT NULL)"),
    ("received_on", "(method = 'provider') = (received_on IS NULL)"),
    ("recorded_by", "(method = 'provider') = (recorded_by IS NULL)"),
    ("recorded", "method = 'provider' OR state = 'succeeded'"),
]
CARD = "test_card VARCHAR(24)"
COLUMNS = (
    "method VARCHAR(16) DEFAULT 'provider' NOT NULL, \n\treceived_on DATE, \n\t"
    "note VARCHAR(200) DEFAULT '' NOT NULL, \n\trecorded_by CHAR(32), \n\t"
)
NEW_CHECKS = "".join(f"CONSTRAINT ck_payments_{name} CHECK ({rule}), \n\t" for name, rule in CHECKS)
KEY = "CONSTRAINT fk_payments_recorded_by FOREIGN KEY(recorded_by) REFERENCES users (id), \n\t"
FIRST_CONSTRAINT = "CONSTRAINT pk_payments"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        rebuild(
            "payments",
            (f"{CARD} NOT NULL", CARD),
            (FIRST_CONSTRAINT, COLUMNS + NEW_CHECKS + KEY + FIRST_CONSTRAINT),
        )
        return
    op.add_column(
        "payments", sa.Column("method", sa.String(16), server_default=sa.text("'provider'"), nullable=False)
    )
    op.add_column("payments", sa.Column("received_on", sa.Date(), nullable=True))
    op.add_column("payments", sa.Column("note", sa.String(200), server_default=sa.text("''"), nullable=False))
    op.add_column("payments", sa.Column("recorded_by", sa.Uuid(), nullable=True))
    op.alter_column("payments", "test_card", nullable=True)
    op.create_foreign_key("fk_payments_recorded_by", "payments", "users", ["recorded_by"], ["id"])
    for name, rule in CHECKS:
        op.create_check_constraint(name, "payments", rule)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        rebuild("payments", (CARD, f"{CARD} NOT NULL"), (COLUMNS + NEW_CHECKS + KEY, ""))
        return
    op.drop_constraint("fk_payments_recorded_by", "payments", type_="foreignkey")
    for name, _ in CHECKS:
        op.execute(f"ALTER TABLE payments DROP CONSTRAINT ck_payments_{name}")
    op.alter_column("payments", "test_card", nullable=False)
    for name in ("recorded_by", "note", "received_on", "method"):
        op.drop_column("payments", name)
