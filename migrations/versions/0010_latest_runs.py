"""The latest run of a job is the one that began last: a run that found nothing takes an older row."""

from alembic import op

revision = "0010_latest_runs"
down_revision = "0009_only_forwards"


def upgrade() -> None:
    op.create_index("ix_job_runs_job_started_at", "job_runs", ["job", "started_at"])
    op.drop_index("ix_job_runs_job_id", table_name="job_runs")


def downgrade() -> None:
    op.create_index("ix_job_runs_job_id", "job_runs", ["job", "id"])
    op.drop_index("ix_job_runs_job_started_at", table_name="job_runs")
