"""What Airflow calls when somebody must be told."""
