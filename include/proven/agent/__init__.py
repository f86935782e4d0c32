"""The data plane: a program of the standard library only, shipped as one zipapp (`include/proven/agent_client.py` builds it).

It runs beside the data. One JSON job on its stdin, JSON lines on its stdout; end of file on stdin stops everything.
Modules import each other relatively, so that the package works under any name.
"""
