"""What S3 says when it refuses, translated into StoreError: status, code, its own words, request id and a hint."""

from __future__ import annotations

import http
from typing import Any

import botocore.exceptions

from include.proven import connections, errors

HINTS = {
    "AccessDenied": "The credentials of connection {connection} need the permission {permission} on bucket {bucket}.",
    "AuthorizationHeaderMalformed": "The bucket is in another region: set `region_name` in connection {connection}'s extra.",
    "BadDigest": "What arrived is not what was sent: try again, and suspect the network if it stays.",
    "EntityTooLarge": "The store takes no object of this size.",
    "EntityTooSmall": "S3 takes no part below 5 MiB but an artifact's last one; ours have 16 MiB and more.",
    "ExpiredToken": "The credentials of connection {connection} have ended: renew `aws_session_token`, or use a role.",
    "InvalidAccessKeyId": "The store does not know the credentials of connection {connection}: check its login.",
    "InvalidBucketName": "Check `bucket` in the fleet file.",
    "InvalidObjectState": "The object is in an archive: restore it first, or use a storage class that can be read at once.",
    "InvalidStorageClass": "The server knows no such class: correct or remove `storage_class` in the fleet file.",
    "InvalidToken": "The store does not accept the credentials of connection {connection}: check `aws_session_token`.",
    "KMS.NotFoundException": "Check `kms_key` in the fleet file, and that it lies in the bucket's region.",
    "NoSuchBucket": "Create bucket {bucket}, or correct `bucket` in the fleet file: Proven makes none.",
    "NoSuchUpload": "Somebody, or a lifecycle rule of the bucket, has aborted the upload.",
    "NotImplemented": "This server can't do that: remove `encryption`, `storage_class` or `object_lock` from the fleet file.",
    "ObjectLockConfigurationNotFoundError": "Object Lock is given to a bucket when it is made: make a new one with it.",
    "PermanentRedirect": "The bucket is in another region: set `region_name` in connection {connection}'s extra.",
    "PreconditionFailed": "Objects are written once: two runs share one id, or something else writes into this store.",
    "QuotaExceeded": "The store is full: give it space, or remove what is not needed.",
    "RequestTimeTooSkewed": "The clock of this machine, or the store's, is wrong: set it.",
    "SignatureDoesNotMatch": (
        "The store does not accept the credentials of connection {connection}: check its password, and the clock."
    ),
    "SlowDown": "The store limits how often it may be asked: try again later.",
}
"""By the code of the answer."""

HINTS["ConditionalRequestConflict"] = HINTS["PreconditionFailed"]
HINTS["InvalidClientTokenId"] = HINTS["InvalidAccessKeyId"]  # as STS says it
HINTS["ServiceUnavailable"] = HINTS["503"] = HINTS["SlowDown"]
HINTS["301"] = HINTS["PermanentRedirect"]
HINTS["404"] = HINTS["NoSuchBucket"]
# An answer to HEAD has no body, so that only its status tells what was wrong.
HINTS["403"] = (
    "The store does not accept the credentials of connection {connection}, or they lack the permission {permission} on bucket "
    "{bucket}."
)
DEFAULT = "Check the extra of connection {connection}: `endpoint_url` must be S3's, and `region_name` the bucket's."

PERMISSIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "AssumeRole": "sts:AssumeRole",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "GetObject": "s3:GetObject",
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "HeadObject": "s3:GetObject, s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "ListParts": "s3:ListMultipartUploadParts",
}
"""By the operation. All others write."""
WRITE = "s3:PutObject, with Object Lock s3:PutObjectRetention, and for a KMS key kms:GenerateDataKey and kms:Decrypt"

UNREACHABLE = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.FlexibleChecksumError,
)
"""No answer, or half of one."""


def code_of(error: botocore.exceptions.ClientError) -> str:
    """Return S3's word for what is wrong: `NoSuchBucket`; for an answer without a body the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: botocore.exceptions.ClientError) -> int:
    """Return the status of the answer."""
    return int(_metadata(error).get("HTTPStatusCode", 0))


def was_retried(error: botocore.exceptions.ClientError) -> bool:
    """Return whether the request had been made before: its first answer may have been lost."""
    return bool(_metadata(error).get("RetryAttempts"))


def refused(
    what: str, error: botocore.exceptions.ClientError, settings: connections.Connection, bucket: str
) -> errors.ProvenError:
    """Given what was to be done ("put object shop/…") and the server's answer, return the error for a person."""
    code, status = code_of(error), status_of(error)
    if code == "BrokenMPU":  # in Swift the parts remain objects of their own
        return errors.IntegrityError(
            f"s3: {what}: it has lost a part", detail=describe(error), hint="A part was deleted or overwritten."
        )
    reason = code if code != str(status) else _phrase(status)
    permission = PERMISSIONS.get(error.operation_name, WRITE)
    hint = HINTS.get(code, HINTS.get(str(status), DEFAULT))
    return errors.StoreError(
        f"s3: {what}: {status} {reason}",
        detail=describe(error),
        hint=hint.format(connection=settings.name, bucket=bucket, permission=permission),
    )


def describe(error: botocore.exceptions.ClientError) -> str:
    """Return the server's own words in one line, with its request id."""
    words = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:500]
    identifier = _metadata(error).get("RequestId")
    return f"{words} (request {identifier})" if identifier else words


def untold(what: str, error: botocore.exceptions.BotoCoreError, settings: connections.Connection) -> errors.ProvenError:
    """Given an error that is not the server's, return the error for a person. The library's own text may hold a URL."""
    kinds = botocore.exceptions
    detail = type(error).__name__
    if isinstance(error, kinds.NoCredentialsError | kinds.PartialCredentialsError | kinds.CredentialRetrievalError):
        hint = f"Connection {settings.name} holds no login and password, and this machine has no credentials of its own."
        return errors.StoreError(f"s3: {what}: there are no credentials", detail=detail, hint=hint)
    if isinstance(error, UNREACHABLE):
        where = settings.extra.get("endpoint_url") or "Amazon S3"
        hint = f"Check `endpoint_url` and `region_name` in the extra of connection {settings.name}, and the network."
        return errors.StoreError(f"s3: {what}: {where} can't be reached", detail=detail, hint=hint)
    return errors.ConfigError(
        f"s3: {what}: boto3 refuses",
        detail=f"{detail}: {error}",
        hint=f"Check the extra of connection {settings.name}, and `bucket` in the fleet file.",
    )


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _metadata(error: botocore.exceptions.ClientError) -> dict[str, Any]:
    return dict(error.response.get("ResponseMetadata", {}))
