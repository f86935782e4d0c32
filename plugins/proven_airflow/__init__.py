"""The edge that knows Airflow: everything below it works without."""
