"""Both DAGs on a bucket with Object Lock: credentials by the hook of Airflow's Amazon provider, in real tasks."""

from __future__ import annotations

import pytest

from tests.airflow.test_one_process import ORDERS, run_here, verdict_of
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet
from tests.servers.s3 import S3
from tests.servers.traces import nothing_runs


def test_backup_and_drill_on_a_locking_bucket_end_proven(
    moto: S3, mariadb_source: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema, bucket, connection = mariadb_source.fresh_schema("shop"), moto.bucket(lock=True), moto.connection()
    mariadb_source.sql(ORDERS, schema)
    files = make_fleet(mariadb_source, schemas=[schema])
    lock = {"mode": "compliance", "retain": "30d"}
    files.document["stores"] = {"swift": {"kind": "s3", "connection": "s3", "bucket": bucket, "object_lock": lock}}
    files.connections["s3"] = {
        "conn_type": "aws",
        "login": connection.login,
        "password": connection.password,
        "extra": connection.extra,
    }
    files.write()
    done = run_here(files, "backup__shop", "drill__shop")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-4000:]
    assert "conn_id='s3'" in told, "the hook was asked"
    for secret in (connection.password, "X-Amz-Signature"):
        assert secret not in told
    assert verdict_of(files, monkeypatch) == "proven"
    client, locked = moto.client(), set()
    for key in moto.everything(bucket).objects:
        if "ObjectLockMode" in client.head_object(Bucket=bucket, Key=key):
            locked.add(key.split("/")[2])
    assert {"manifest.json", "manifest.json.asc", "dump.sql.zst.gpg", "drills"} <= locked
    assert moto.everything(bucket).uploads == {}
    nothing_runs(files)
