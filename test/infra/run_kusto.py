"""Runs queries of Kusto in DuckDB: tables, rows, queries and the time in as JSON on standard input, the rows found out as JSON."""

import datetime
import json
import sys

import duckdb
import duckdb_kql

TYPES = {
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "dynamic": "JSON",
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "string": "VARCHAR",
}


def run(question):
    tables = question["tables"]
    schema = {name: list(columns) for name, columns in tables.items()}
    now = datetime.datetime.fromisoformat(question["now"])
    statements = {
        name: duckdb_kql.to_sql(text, schema=schema, query_now=now)
        for name, text in question["queries"].items()
    }
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, columns in tables.items():
        types = ", ".join(f'"{column}" {TYPES[type]}' for column, type in columns.items())
        connection.execute(f'CREATE TABLE "{name}" ({types})')

    def answer(scene):
        for name, columns in tables.items():
            connection.execute(f'DELETE FROM "{name}"')
            # One value for all rows: a statement for each row takes a hundred times as long.
            form = json.dumps([{column: TYPES[type] for column, type in columns.items()}])
            rows = json.dumps(scene["rows"].get(name, []))
            connection.execute(f'INSERT INTO "{name}" SELECT unnest(from_json(?, ?), recursive := true)', [rows, form])
        statement = statements[scene["query"]]
        found = connection.execute(statement, statement.parameters)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row)) for row in found.fetchall()]

    return [answer(scene) for scene in question["scenes"]]


json.dump(run(json.load(sys.stdin)), sys.stdout, default=str)
