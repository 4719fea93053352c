#!/bin/sh
# PostgreSQL as the official image starts it: the first time it makes the database that the environment asks for.
set -eu
programs=$(echo /usr/lib/postgresql/*/bin)
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    "$programs/initdb" --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --auth-local=scram-sha-256 --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    # In single-user mode nobody else can be connected yet.
    echo "CREATE DATABASE \"$POSTGRES_DB\";" | "$programs/postgres" --single -j -D "$PGDATA" postgres
fi
exec "$programs/postgres" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
