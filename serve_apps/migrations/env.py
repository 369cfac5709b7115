"""Alembic's entry: migrations run on the connection that `serve_apps.database.migrate` gives."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
