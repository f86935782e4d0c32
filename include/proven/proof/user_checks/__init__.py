"""The checks that users write, `include/checks/<database>/*.sql` and `*.yaml`: each is one SELECT, and what it must answer.

    loading     the files of a folder, all their faults at once
    header      `-- name: …`, `-- expect: …` at the head of an SQL file
    statement   one SELECT and nothing else
    expectation what the answer must be
    yaml_file   the entries of a YAML file
    templates   what they may say
    rendering   the SELECTs that they stand for
    judging     the answer of the copy, and where it was asked for, that of the source

`docs/checks.md` speaks to those who write them. `agent/query.py` asks.
"""
