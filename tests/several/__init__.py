"""Several stores for one database: one dump, a copy in each, and no store that is needed by another."""
