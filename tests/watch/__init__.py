"""The watch: what is wrong though nothing has failed, produced for real."""
