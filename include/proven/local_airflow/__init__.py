"""A real Airflow on this machine, for `./proven up`, the demo and the tests. It is started as programs, never imported."""
