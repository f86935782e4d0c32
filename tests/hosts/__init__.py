"""Hosts: an agent on this machine and on another by SSH, whatever happens to the line between."""
