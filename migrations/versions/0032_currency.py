"""A shop's currency is kept from its first offer on; until then it can be changed."""

import sqlalchemy as sa
from alembic import op

revision = "0032_currency"
down_revision = "0031_second_factor"

KEEP_ID = "BEFORE UPDATE OF id, user_id"
KEEP_CURRENCY = "BEFORE UPDATE OF currency, currency_fixed_at"
ONCE_FIXED = "WHEN (OLD.currency_fixed_at IS NOT NULL)"


def upgrade() -> None:
    op.add_column("merchants", sa.Column("currency_fixed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE merchants SET currency_fixed_at = "
        "(SELECT min(created_at) FROM plans WHERE plans.merchant_id = merchants.id)"
    )
    _drop("merchants_keep_currency")
    _create("merchants_keep_id", KEEP_ID)
    _create("merchants_keep_currency", KEEP_CURRENCY, ONCE_FIXED)


def downgrade() -> None:
    _drop("merchants_keep_currency")
    _drop("merchants_keep_id")
    op.drop_column("merchants", "currency_fixed_at")
    _create("merchants_keep_currency", "BEFORE UPDATE OF id, user_id, currency")


def _create(name: str, what: str, when: str = "") -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    rest = f"BEGIN SELECT RAISE(ABORT, '{name}'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
    op.execute(f"CREATE TRIGGER {name} {what} ON merchants FOR EACH ROW {when} {rest}")


def _drop(name: str) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else " ON merchants"))
