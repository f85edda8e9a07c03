"""Money and plans only go forwards: sums grow, what ended or was answered stays; the database refuses the way back."""

from alembic import op

revision = "0009_only_forwards"
down_revision = "0008_calendars"

# Name, table, what may not be done, and when.
REFUSED = [
    (
        "installments_only_grow",
        "installments",
        "UPDATE OF paid, cancelled, returned",
        "NEW.paid < OLD.paid OR NEW.cancelled < OLD.cancelled OR NEW.returned < OLD.returned",
    ),
    ("plans_stay_accepted", "plans", "UPDATE OF acceptance_id, accepted_on", "OLD.acceptance_id IS NOT NULL"),
    (
        "plans_stay_ended",
        "plans",
        "UPDATE OF state",
        "OLD.state NOT IN ('offered', 'active') AND NEW.state <> OLD.state",
    ),
    ("idempotency_keys_stay_answered", "idempotency_keys", "UPDATE", "OLD.answer IS NOT NULL"),
]


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, what, when in REFUSED:
        rest = f"BEGIN SELECT RAISE(ABORT, '{name}'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH ROW WHEN ({when}) {rest}")


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, _, _ in REFUSED:
        op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}"))
