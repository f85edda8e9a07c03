"""What was offered stays as it was offered, and what was refunded as it was refunded: the database refuses."""

from alembic import op

revision = "0006_frozen_terms"
down_revision = "0005_append_only"

PLAN = (
    "merchant_id, id, reference, customer_id, customer_email, description, total, currency, num_installments, "
    "frequency, start_date, terms, terms_hash, last_day, created_at"
)
INSTALLMENT = "merchant_id, id, plan_id, number, amount, due_on"

# Name, table, what may not be done, and when.
REFUSED = [
    ("plans_keep_terms", "plans", f"UPDATE OF {PLAN}", ""),
    ("plans_stay", "plans", "DELETE", ""),
    ("installments_keep_terms", "installments", f"UPDATE OF {INSTALLMENT}", ""),
    ("installments_stay", "installments", "DELETE", ""),
    ("refunds_stay_settled", "refunds", "UPDATE", "WHEN (OLD.state <> 'processing')"),
    ("refunds_stay", "refunds", "DELETE", ""),
    ("merchants_keep_currency", "merchants", "UPDATE OF id, user_id, currency", ""),
]


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        op.execute(
            "CREATE FUNCTION refuse_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION '%', TG_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for name, table, what, when in REFUSED:
        rest = f"BEGIN SELECT RAISE(ABORT, '{name}'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH ROW {when} {rest}")


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, _, _ in REFUSED:
        op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}"))
    if not sqlite:
        op.execute("DROP FUNCTION refuse_frozen()")
