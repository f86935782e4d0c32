"""The watch: what is wrong though nothing has failed. It needs the stores only: on the worst day Airflow is down too."""
