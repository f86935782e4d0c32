"""The real OpenStack Swift in one process, for the demo and the tests.

Proxy, account, container and object server run as greenlets of one process on one directory: one replica, no root, no
memcached, every listener on 127.0.0.1. It runs in an environment of its own (`requirements-swift.txt`) and is started by
`include/proven/demo/swift.py`; nothing else imports it. It is no way to run Swift for data that matters: there is one copy.
"""
