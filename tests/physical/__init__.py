"""The method `physical`, on real servers."""
