"""Plans are found by words that Python folded, kept in a table with an index of trigrams.

The words of plans that are there are those of ``core.search_words``; ``recount`` makes them again.
"""

import sqlalchemy as sa
from alembic import op

from portal.core.search_words import amounts_of_plan, words_of, words_of_plan

revision = "0035_plan_words"
down_revision = "0034_teams"

EXTENSIONS = ("pg_trgm", "btree_gin")
BATCH = 5000

SQLITE_INDEX = """
CREATE TABLE plan_words_rows (number INTEGER PRIMARY KEY, merchant_id CHAR(32) NOT NULL, plan_id CHAR(32) NOT NULL,
  UNIQUE (merchant_id, plan_id));
CREATE VIRTUAL TABLE plan_words_index USING fts5(words, shop_words, content='', tokenize='trigram case_sensitive 1');
CREATE TRIGGER plan_words_added AFTER INSERT ON plan_words BEGIN
  INSERT INTO plan_words_rows (merchant_id, plan_id) VALUES (NEW.merchant_id, NEW.plan_id)@
  INSERT INTO plan_words_index (rowid, words, shop_words) SELECT number, NEW.words, NEW.shop_words
    FROM plan_words_rows WHERE merchant_id = NEW.merchant_id AND plan_id = NEW.plan_id@
END;
CREATE TRIGGER plan_words_changed AFTER UPDATE ON plan_words BEGIN
  INSERT INTO plan_words_index (plan_words_index, rowid, words, shop_words)
    SELECT 'delete', number, OLD.words, OLD.shop_words
    FROM plan_words_rows WHERE merchant_id = OLD.merchant_id AND plan_id = OLD.plan_id@
  INSERT INTO plan_words_index (rowid, words, shop_words) SELECT number, NEW.words, NEW.shop_words
    FROM plan_words_rows WHERE merchant_id = NEW.merchant_id AND plan_id = NEW.plan_id@
END;
CREATE TRIGGER plan_words_removed AFTER DELETE ON plan_words BEGIN
  INSERT INTO plan_words_index (plan_words_index, rowid, words, shop_words)
    SELECT 'delete', number, OLD.words, OLD.shop_words
    FROM plan_words_rows WHERE merchant_id = OLD.merchant_id AND plan_id = OLD.plan_id@
  DELETE FROM plan_words_rows WHERE merchant_id = OLD.merchant_id AND plan_id = OLD.plan_id@
END
"""


def upgrade() -> None:
    op.create_table(
        "plan_words",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("shop_words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_plan_words_merchant_id_plan_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "plan_id", name="pk_plan_words"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE_INDEX.split(";\n"):
            op.execute(sa.text(statement.replace("@", ";")))
    _fill(op.get_bind())
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO plan_words_index (plan_words_index) VALUES ('optimize')")
    if op.get_bind().dialect.name == "postgresql":
        for extension in EXTENSIONS:
            _extend(extension)
        op.execute(
            "CREATE INDEX ix_plan_words_words ON plan_words "
            "USING gin (merchant_id, words gin_trgm_ops, shop_words gin_trgm_ops) WITH (fastupdate = off)"
        )


def _extend(name: str) -> None:
    """Both are part of PostgreSQL and trusted: who may create in the database may create them."""
    try:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {name} SCHEMA public")
    except sa.exc.DBAPIError as error:
        raise RuntimeError(
            f"Plans are searched with PostgreSQL's extension {name}, which this role could not create: "
            f"{str(error.orig).splitlines()[0]}. Have a superuser run "
            f'"CREATE EXTENSION {name} SCHEMA public;" in this database (package postgresql-contrib), '
            "then run the migrations again."
        ) from error


def _fill(connection: sa.Connection) -> None:
    listed = (
        "group_concat(amount, ',')"
        if connection.dialect.name == "sqlite"
        else "string_agg(amount::text, ',')"
    )
    plans = sa.text(
        "SELECT p.merchant_id, p.id, p.description, p.customer_email, p.reference, p.currency, p.total, p.shop_name, "
        f"(SELECT {listed} FROM installments i WHERE i.merchant_id = p.merchant_id AND i.plan_id = p.id) AS amounts, "
        "CASE WHEN p.acceptance_id IS NOT NULL THEN u.name END AS name FROM plans p "
        "JOIN users u ON u.id = p.customer_id ORDER BY p.merchant_id, p.id LIMIT :batch OFFSET :done"
    )
    add = sa.text("INSERT INTO plan_words VALUES (:merchant_id, :plan_id, :words, :shop_words)")
    done = 0
    while found := connection.execute(plans, {"batch": BATCH, "done": done}).all():
        connection.execute(add, [_words(plan) for plan in found])
        done += len(found)


def _words(plan: sa.Row) -> dict[str, object]:
    return {
        "merchant_id": plan.merchant_id,
        "plan_id": plan.id,
        "words": words_of_plan(
            description=plan.description,
            email=plan.customer_email,
            reference=plan.reference,
            amounts=amounts_of_plan(plan.total, plan.amounts, plan.currency),
            name=plan.name,
        ),
        "shop_words": words_of([plan.shop_name]),
    }


def downgrade() -> None:
    """The extensions stay: others may use them."""
    op.drop_table("plan_words")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE plan_words_index")
        op.execute("DROP TABLE plan_words_rows")
