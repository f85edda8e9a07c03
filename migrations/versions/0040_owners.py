"""A shop that has sent an offer, or has other members, keeps an owner: the database refuses to take the last one."""

from alembic import op

revision = "0040_owners"
down_revision = "0039_own_lines"

# Another owner, whoever can sign in; and what a shop has that nobody may be left to answer for.
ANOTHER = (
    "EXISTS (SELECT 1 FROM members m WHERE m.merchant_id = OLD.merchant_id AND m.role = 'owner' "
    "AND m.user_id <> OLD.user_id)"
)
AT_WORK = (
    "(EXISTS (SELECT 1 FROM merchants s WHERE s.id = OLD.merchant_id AND s.currency_fixed_at IS NOT NULL) "
    "OR EXISTS (SELECT 1 FROM members m WHERE m.merchant_id = OLD.merchant_id AND m.user_id <> OLD.user_id))"
)
LEAVES = "(NEW.role <> 'owner' OR NEW.merchant_id <> OLD.merchant_id)"
TRIGGERS = [
    ("members_keep_an_owner", "UPDATE OF role, merchant_id", f"OLD.role = 'owner' AND {LEAVES}"),
    ("members_stay_owned", "DELETE", "OLD.role = 'owner'"),
]


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        # The shop's row is locked first, as services do: two owners who go at once see each other.
        op.execute(
            "CREATE FUNCTION refuse_last_owner() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "PERFORM 1 FROM merchants WHERE id = OLD.merchant_id FOR NO KEY UPDATE; "
            f"IF NOT {ANOTHER} AND {AT_WORK} THEN "
            "RAISE EXCEPTION '%', TG_NAME USING ERRCODE = 'integrity_constraint_violation'; END IF; "
            "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
        )
    for name, what, when in TRIGGERS:
        rest = (
            f"WHEN ({when} AND NOT {ANOTHER} AND {AT_WORK}) BEGIN SELECT RAISE(ABORT, '{name}'); END"
            if sqlite
            else f"WHEN ({when}) EXECUTE FUNCTION refuse_last_owner()"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON members FOR EACH ROW {rest}")


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, _, _ in TRIGGERS:
        op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else " ON members"))
    if not sqlite:
        op.execute("DROP FUNCTION refuse_last_owner()")
