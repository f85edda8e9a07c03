"""Which reminder was sent about which installment and due date, so that one email can hold several."""

import sqlalchemy as sa
from alembic import op

revision = "0012_reminders"
down_revision = "0011_early_reminders"

STEPS = ("due_soon", "due_today", "overdue_1", "overdue_7", "overdue_14")


def upgrade() -> None:
    op.create_table(
        "reminders",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("installment_id", sa.Uuid(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "installment_id", "due_on", "kind", name="pk_reminders"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "installment_id"],
            ["installments.merchant_id", "installments.id"],
            name="fk_reminders_merchant_id_installment_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "message_id"],
            ["messages.merchant_id", "messages.id"],
            name="fk_reminders_merchant_id_message_id",
        ),
    )
    columns = ("merchant_id", "id", "cause", "kind", "created_at", "due_on")
    m, i = (sa.table(name, *map(sa.column, columns)).alias() for name in ("messages", "installments"))
    reminders = sa.table(
        "reminders",
        *map(sa.column, ("merchant_id", "installment_id", "due_on", "kind", "message_id", "sent_on")),
    )
    # Until now each email was about one installment, which was its cause.
    sent = (
        sa.select(m.c.merchant_id, i.c.id, i.c.due_on, m.c.kind, m.c.id, sa.func.date(m.c.created_at))
        .join(i, (i.c.merchant_id == m.c.merchant_id) & (i.c.id == m.c.cause))
        .where(m.c.kind.in_(STEPS))
    )
    op.execute(reminders.insert().from_select(list(reminders.c), sent))


def downgrade() -> None:
    op.drop_table("reminders")
