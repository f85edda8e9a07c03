"""A shop chooses what stands between the cells of its CSV files; a comma unless it chose."""

from alembic import op

revision = "0022_csv_separator"
down_revision = "0021_processing"


def upgrade() -> None:
    # Declared with the column, which SQLite takes without copying the table.
    op.execute(
        "ALTER TABLE merchants ADD COLUMN csv_separator VARCHAR(1) "
        "CONSTRAINT ck_merchants_csv_separator CHECK (csv_separator IN (',', ';'))"
    )


def downgrade() -> None:
    op.drop_column("merchants", "csv_separator")
