"""Bring a recovery point, as it is, to another store or into a folder: what is encrypted stays so, what is signed too.

Either goes on where an earlier try was interrupted, for what came whole is known by its checksum. So nothing is discarded on an
error: `./proven sweep` finds what nobody comes back to.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from include.proven import agent_client, progress, restore, reuse
from include.proven.agent import jobs, protocol
from include.proven.errors import ConfigError, IntegrityError, ProvenError, StoreError
from include.proven.installation import Installation
from include.proven.manifest import Artifact, Manifest
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store, Upload, locate


@dataclasses.dataclass(frozen=True)
class Copied:
    """A recovery point that a store now has."""

    recovery_point: str
    source: str
    target: str
    sent_bytes: int
    held_bytes: int
    """What the target held already."""


@dataclasses.dataclass(frozen=True)
class Fetched:
    """A recovery point that a folder now has."""

    recovery_point: str
    store: str
    files: list[pathlib.Path]
    """Artifacts in the order of loading, then manifest and signature."""
    fetched_bytes: int
    held_bytes: int
    """What the folder held already."""


def copy_recovery_point(
    installation: Installation,
    database: str,
    recovery_point: str,
    *,
    source: str,
    target: str,
    on_progress: progress.OnProgress | None = None,
) -> Copied:
    """Copy a recovery point, without its verdicts, from one store of the fleet to another. It may be there in part, or whole.

    Raise IntegrityError if the source's copy is not what was uploaded, another ProvenError if a store fails. What was sent
    stays: the next call goes on from there.
    """
    if source == target:
        raise ConfigError(f"a copy from store {source} to itself", hint="Name two different stores.")
    signed = installation.catalog(database, source).signed_manifest(database, recovery_point)
    catalog = installation.catalog(database, target)
    if signed.manifest.reused and reuse.lets_go(installation.fleet.stores[target]):
        raise ConfigError(
            f"{recovery_point} refers to objects of older recovery points, and store {target} lets these go before it",
            hint="A store with `expire_after` or `object_lock` takes recovery points that stand alone: once it is one of the "
            "database's stores, the next backup is such a one.",
        )
    with _telling_what_stays(f"in store {target}"):
        catalog.store.check()
        with catalog.marked(database, recovery_point):
            sent = _send(installation, signed.manifest, source, target, on_progress)
            catalog.require_standing(signed.manifest)
            catalog.copy_manifest(signed)
    return Copied(recovery_point, source, target, sent, _size(signed.manifest.artifacts) - sent)


def _send(
    installation: Installation, manifest: Manifest, source: str, target: str, on_progress: progress.OnProgress | None
) -> int:
    """Make all artifacts visible in the target, and return how many bytes had to be sent."""
    folder = f"{manifest.database}/{manifest.recovery_point}"
    transfer = Transfer(installation.store(source), installation.store(target), folder, manifest.elsewhere)
    artifacts, sent = transfer.open(manifest.artifacts), 0
    if any(artifact["missing"] for artifact in artifacts):
        job = jobs.CopyJob(
            protocol=protocol.VERSION,
            job="copy",
            source=installation.job_store(source),
            target=installation.job_store(target),
            artifacts=[artifact for artifact in artifacts if artifact["missing"]],
        )
        sent = agent_client.run(job, signer=transfer, on_progress=on_progress)["sent_bytes"]
    transfer.commit(manifest.artifacts)
    return int(sent)


def fetch_recovery_point(
    installation: Installation,
    database: str,
    recovery_point: str,
    folder: pathlib.Path,
    *,
    store: str,
    on_progress: progress.OnProgress | None = None,
) -> Fetched:
    """Bring a recovery point's artifacts, manifest and signature from a store into a folder, which is made if need be.

    The folder then is all that a restore by hand needs (`docs/store-format.md`). Nothing in it is overwritten.

    Raise ConfigError if it holds another manifest, IntegrityError if the store's copy is not what was uploaded, another
    ProvenError if store or disk fail. What was fetched stays: the next call goes on from there.
    """
    catalog = installation.catalog(database, store)
    signed = catalog.signed_manifest(database, recovery_point)
    # The signature first and the manifest last, as in a store: where it stands, all is there.
    records = {folder / "manifest.json.asc": signed.signature, folder / "manifest.json": signed.content}
    for path, content in records.items():
        if path.exists() and path.read_bytes() != content:
            raise ConfigError(f"{path} exists, and is another one's", hint="Choose another folder: nothing is overwritten.")
    with _telling_what_stays(f"in {folder}"):
        _make_folder(folder)
        reads = restore.Reads.of(catalog.store, signed.manifest)
        job = jobs.FetchJob(
            protocol=protocol.VERSION,
            job="fetch",
            store=installation.job_store(store),
            folder=str(folder.resolve()),
            artifacts=[_stored(artifact, reads.sign_get(store, artifact.label)) for artifact in signed.manifest.artifacts],
        )
        fetched = agent_client.run(job, signer=reads, on_progress=on_progress)["fetched_bytes"]
    for path, content in records.items():
        path.write_bytes(content)
    files = [folder / artifact.label for artifact in signed.manifest.artifacts]
    return Fetched(recovery_point, store, [*files, *records], fetched, _size(signed.manifest.artifacts) - fetched)


@dataclasses.dataclass
class Transfer:
    """The artifacts of one recovery point on their way between two stores."""

    source: Store
    target: Store
    folder: str
    elsewhere: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Label → key of those that lie in another folder."""
    uploads: dict[str, Upload] = dataclasses.field(default_factory=dict)
    """By label; those that the target has whole have none."""

    def open(self, artifacts: Sequence[Artifact]) -> list[jobs.CopyArtifact]:
        """Return artifacts as a job takes them, and open the upload of each that the target does not have whole.

        Raise IntegrityError if the target has an object of another size in the place of one.
        """
        folders = {self.folder, *(key.rpartition("/")[0] for key in self.elsewhere.values())}
        whole = {stored.key: stored.bytes for folder in folders for stored in self.target.list_objects(folder)}
        return [self._open(artifact, whole.get(self._key(artifact.label))) for artifact in artifacts]

    def _open(self, artifact: Artifact, there: int | None) -> jobs.CopyArtifact:
        missing: set[int] = set()
        if there is None:
            upload = self.uploads[artifact.label] = self.target.resume_upload(self._key(artifact.label))
            parts = locate(artifact.parts)
            missing = {part.number for part in parts} - self.target.find_parts(upload, parts)
        elif there != artifact.bytes:
            key = self._key(artifact.label)
            raise IntegrityError(
                f"{key} in store {self.target.name} has {there} bytes, the manifest says {artifact.bytes}",
                hint="`./proven sweep` removes what has no manifest there; what has one was damaged.",
            )
        request = self.source.presign_get(self._key(artifact.label))
        return jobs.CopyArtifact(**_stored(artifact, request), missing=sorted(missing))

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return a PUT for each part of an artifact that goes to the target."""
        if store != self.target.name:
            raise StoreError(f"a copy asked to write {artifact} to store {store}")
        return self.target.presign_parts(self.uploads[artifact], parts)

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Return a GET of an artifact from the source: a copy may take longer than a URL lives."""
        if store != self.source.name:
            raise StoreError(f"a copy asked to read {artifact} from store {store}")
        return self.source.presign_get(self._key(artifact))

    def commit(self, artifacts: Sequence[Artifact]) -> None:
        """Compare every part with what the target holds, then make each artifact visible there."""
        for artifact in artifacts:
            if artifact.label in self.uploads:
                self.target.commit_upload(self.uploads[artifact.label], artifact.parts)

    def _key(self, artifact: str) -> str:
        return self.elsewhere.get(artifact) or f"{self.folder}/{artifact}"


def _stored(artifact: Artifact, request: SignedRequest) -> protocol.StoredArtifact:
    return protocol.StoredArtifact(
        name=artifact.label,
        request=dataclasses.asdict(request),
        bytes=artifact.bytes,
        sha256=artifact.sha256,
        parts=[part.model_dump() for part in artifact.parts],
    )


def _size(artifacts: Sequence[Artifact]) -> int:
    return sum(artifact.bytes for artifact in artifacts)


def _make_folder(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: can't be made", detail=str(error), hint="Choose another folder.") from error


@contextlib.contextmanager
def _telling_what_stays(where: str) -> Iterator[None]:
    """Add to the hint of an error that trying again does not begin anew."""
    try:
        yield
    except IntegrityError:
        raise  # it will be there the next time too
    except ProvenError as error:
        error.hint = f"{error.hint} What came whole stays {where}: run it again, and it goes on from there.".strip()
        raise
