"""Messages, events, idempotency keys and job runs."""

import sqlalchemy as sa
from alembic import op

revision = "0004_records"
down_revision = "0003_payments"


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("send_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("subject", sa.String(length=300), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("error", sa.String(length=300), nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at"),
        sa.CheckConstraint("state IN ('queued', 'sent', 'failed')", name="state"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_messages_merchant_id_plan_id",
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_messages_merchant_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_messages_user_id"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_messages"),
        sa.UniqueConstraint("merchant_id", "cause", "kind", name="uq_messages_merchant_id_cause_kind"),
    )
    op.create_index("ix_messages_id", "messages", ["id"])
    op.create_index("ix_messages_merchant_id_plan_id", "messages", ["merchant_id", "plan_id"])
    op.create_index(
        "ix_messages_queued",
        "messages",
        ["merchant_id", "send_after"],
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )

    op.create_table(
        "events",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name="fk_events_actor_id"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_events_merchant_id_plan_id",
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_events_merchant_id"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_events"),
    )
    op.create_index("ix_events_id", "events", ["id"])
    op.create_index("ix_events_merchant_id_plan_id", "events", ["merchant_id", "plan_id", "id"])

    op.create_table(
        "idempotency_keys",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name="fk_idempotency_keys_merchant_id_payment_id",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "refund_id"],
            ["refunds.merchant_id", "refunds.id"],
            name="fk_idempotency_keys_merchant_id_refund_id",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_idempotency_keys_merchant_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_idempotency_keys_user_id"),
        sa.PrimaryKeyConstraint("merchant_id", "user_id", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_index(
        "ix_idempotency_keys_merchant_id_payment_id", "idempotency_keys", ["merchant_id", "payment_id"]
    )
    op.create_index(
        "ix_idempotency_keys_merchant_id_refund_id", "idempotency_keys", ["merchant_id", "refund_id"]
    )

    op.create_table(
        "job_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job", sa.String(length=24), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_job_runs"),
    )
    op.create_index("ix_job_runs_job_id", "job_runs", ["job", "id"])


def downgrade() -> None:
    op.drop_table("job_runs")
    op.drop_table("idempotency_keys")
    op.drop_table("events")
    op.drop_table("messages")
