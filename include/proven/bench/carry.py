"""Carries one stream to a store or back with the agent's own code: `python -m include.proven.bench.carry up STORE KEY NOTES`.

`up` reads standard input; `down`, in its place, writes standard output. The store is one of the fleet's. The one process that
is timed is controller and agent at once, so that its memory stands beside that of programs which hold their own credentials.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from include.proven import installation
from include.proven.agent import protocol
from include.proven.agent.destinations import Destinations
from include.proven.agent.download import PartDownloader
from include.proven.agent.pipeline import Pipeline
from include.proven.agent.progress import Progress
from include.proven.agent.upload import PartUploader
from include.proven.agent.urls import Urls
from include.proven.manifest import Part
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store, Upload

STAGES = Progress(lambda event: None)


class DirectUrls(Urls):
    """Signs on the spot."""

    def __init__(self, store: Store, upload: Upload) -> None:
        super().__init__(lambda event: None)
        self._store = store
        self._upload = upload

    def put(self, store: str, artifact: str, part: dict[str, Any]) -> dict[str, Any]:
        """Return a PUT for a part."""
        return as_dict(self._store.presign_parts(self._upload, [OutgoingPart(**part)])[0])


def as_dict(request: SignedRequest) -> dict[str, Any]:
    """Return a request as the agent takes it."""
    return {"method": request.method, "url": request.url, "headers": request.headers}


def send(store: Store, settings: protocol.JobStore, key: str) -> dict[str, Any]:
    """Send standard input to `key` and return bytes, sha256 and parts."""
    upload, pipeline = store.begin_upload(key), Pipeline()
    urls = DirectUrls(store, upload)
    with STAGES.stage("upload") as meter, open(0, "rb", buffering=0) as stdin:
        uploader = PartUploader(key, urls, meter, Destinations([settings]), part_bytes=protocol.PART_BYTES)
        uploader.attach(pipeline, stdin)
        pipeline.run()
    summary = uploader.summary()
    store.commit_upload(upload, [Part.model_validate(part) for part in summary["parts"]])
    return summary


def receive(store: Store, settings: protocol.JobStore, key: str, described: dict[str, Any]) -> None:
    """Write what `send` has described to standard output, verified."""
    artifact = protocol.StoredArtifact(
        name=key,
        request=as_dict(store.presign_get(key)),
        bytes=described["bytes"],
        sha256=described["sha256"],
        parts=described["parts"],
    )
    pipeline = Pipeline()
    with STAGES.stage("download") as meter, open(1, "wb", buffering=0) as stdout:
        downloader = PartDownloader(artifact, settings, DirectUrls(store, Upload(key)), meter)
        downloader.attach(pipeline, stdout.write, stdout.flush)
        pipeline.run()


def main() -> None:
    """Carry. What `up` has sent is written to a file as JSON; `down` is given it."""
    direction, name, key, notes = sys.argv[1:]
    opened = installation.open_installation()
    store, settings = opened.store(name), opened.job_store(name)
    if direction == "up":
        pathlib.Path(notes).write_text(json.dumps(send(store, settings, key)))
    else:
        receive(store, settings, key, json.loads(pathlib.Path(notes).read_text()))


if __name__ == "__main__":
    main()
