"""Proven's library: backups, drills and their proof. It never imports Airflow."""

__version__ = "0.1.0"
