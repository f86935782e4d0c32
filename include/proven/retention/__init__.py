"""Retention: which recovery points may go, and how they go.

`situation.py` says what there is, `policy.py` decides and touches nothing, `planning.py` brings the two together, and
`pruning.py` deletes.
"""
