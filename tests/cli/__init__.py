"""The command line, run as an operator runs it: in a process of its own, with no Airflow running."""
