"""A plan's zone, shop and support address are those of its frozen terms; a shop keeps the zones it had before."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0013_zones_of_plans"
down_revision = "0012_reminders"

# Column, its longest, and its name in the terms.
OF_TERMS = [("timezone", 64, "timezone"), ("shop_name", 120, "seller"), ("support_email", 254, "support")]


def upgrade() -> None:
    bind = op.get_bind()
    for column, longest, name in OF_TERMS:
        if bind.dialect.name == "sqlite":
            made = f"(json_extract(terms, '$.{name}')) VIRTUAL"
        else:
            made = f"((terms)::jsonb ->> '{name}'::text) STORED"
        op.execute(
            f"ALTER TABLE plans ADD COLUMN {column} VARCHAR({longest}) GENERATED ALWAYS AS {made} NOT NULL"
        )
    op.add_column("merchants", sa.Column("earlier_timezones", sa.JSON(), nullable=False, server_default="[]"))
    _remember_zones(bind)


def _remember_zones(bind: sa.Connection) -> None:
    """Plans are in the zone in which their shop was when they were offered."""
    other = (
        "SELECT DISTINCT p.merchant_id, p.timezone FROM plans p JOIN merchants m ON m.id = p.merchant_id "
        "WHERE p.timezone <> m.timezone ORDER BY p.timezone"
    )
    zones: dict[object, list[str]] = {}
    for shop, zone in bind.execute(sa.text(other)):
        zones.setdefault(shop, []).append(zone)
    for shop, earlier in zones.items():
        bind.execute(
            sa.text("UPDATE merchants SET earlier_timezones = :earlier WHERE id = :shop"),
            {"earlier": json.dumps(earlier), "shop": shop},
        )


def downgrade() -> None:
    op.drop_column("merchants", "earlier_timezones")
    for column, _, _ in reversed(OF_TERMS):
        op.execute(f"ALTER TABLE plans DROP COLUMN {column}")
