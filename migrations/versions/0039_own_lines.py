"""A plan may have installments whose amounts and dates were chosen one by one."""

from alembic import op

from migrations.losing import refuse_if_any
from migrations.rebuild import rebuild

revision = "0039_own_lines"
down_revision = "0038_closed_accounts"

REGULAR = "frequency IN ('weekly', 'biweekly', 'monthly')"
WITH_OWN = "frequency IN ('weekly', 'biweekly', 'monthly', 'own')"


def upgrade() -> None:
    _change(REGULAR, WITH_OWN)


def downgrade() -> None:
    refuse_if_any(
        "plans WHERE frequency = 'own'",
        "There are plans with lines of their own, which the tables of before cannot name.",
    )
    _change(WITH_OWN, REGULAR)


def _change(old: str, new: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        rebuild("plans", (old, new))
    else:
        op.drop_constraint("frequency", "plans", type_="check")
        op.create_check_constraint("frequency", "plans", new)
