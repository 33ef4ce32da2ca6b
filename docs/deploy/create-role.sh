#!/bin/sh
# Run once by the image of PostgreSQL, when it makes its data: the tracker's own role and database. The role owns the database and may
# make others (a rehearsal of a restore needs one); it is no superuser.
set -eu
psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set password="$(cat "${DATABASE_PASSWORD_FILE:-/run/secrets/database_password}")" <<'SQL'
CREATE ROLE tracker LOGIN CREATEDB PASSWORD :'password';
CREATE DATABASE tracker OWNER tracker;
SQL
