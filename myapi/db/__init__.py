"""Engines for SQLite and MySQL, transactions, column types, migrations, backup and copy."""
