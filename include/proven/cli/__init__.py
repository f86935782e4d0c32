"""The operators' command line. It works with no Airflow running: on the worst day Airflow is down too."""
