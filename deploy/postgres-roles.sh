#!/bin/sh
# Makes the portal's database and its two roles: the owner migrates, the portal's own role has only what the migrations
# grant it. Run once, by PostgreSQL's superuser (PGHOST, PGUSER and the like say where); Compose runs it by itself.
#   POSTGRES_OWNER_PASSWORD=... POSTGRES_PORTAL_PASSWORD=... deploy/postgres-roles.sh
set -eu

psql --no-psqlrc --quiet --dbname "${PGDATABASE:-postgres}" --set ON_ERROR_STOP=1 \
    --set database="${POSTGRES_DATABASE:-portal}" \
    --set owner="${POSTGRES_OWNER:-portal_owner}" --set owner_password="${POSTGRES_OWNER_PASSWORD:?}" \
    --set portal="${POSTGRES_PORTAL:-portal}" --set portal_password="${POSTGRES_PORTAL_PASSWORD:?}" <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"portal" LOGIN PASSWORD :'portal_password';
CREATE DATABASE :"database" OWNER :"owner" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"portal";

-- A request waits no longer than this; migrations and counts by the owner have no limit.
ALTER ROLE :"portal" SET statement_timeout = '5s';
ALTER ROLE :"portal" SET lock_timeout = '2s';
ALTER ROLE :"portal" SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE :"portal" SET timezone = 'UTC';
ALTER ROLE :"owner" SET timezone = 'UTC';

\connect :"database"
-- Only the owner makes tables and functions here (before version 15 everybody could).
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SQL
