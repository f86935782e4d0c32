"""What EC2 says when it refuses, translated into SandboxError: its code, its own words, its request id and a hint."""

from __future__ import annotations

from typing import Any

import botocore.exceptions

from include.proven import connections, errors

POLICY = "docs/examples/ec2-policy.json holds all that is needed."
HINTS = {
    "AuthFailure": "EC2 does not accept the credentials of connection {connection}: check login, password and clock.",
    "ExpiredToken": "The credentials of connection {connection} have ended: renew `aws_session_token`, or use a role.",
    "InstanceLimitExceeded": "Ask for a higher quota of instances (Service Quotas), or lower `at_once` of the sandbox.",
    "InsufficientFreeAddressesInSubnet": "Name a larger `subnet`, or lower `at_once` of the sandbox.",
    "InsufficientInstanceCapacity": (
        "Amazon has no room for that type in the subnet's zone: put another type first in `sizes`, or name a `subnet` in "
        "another zone."
    ),
    "InvalidAMIID.NotFound": (
        "Check `images` in the fleet file: each is the id of an image of the region that `region_name` in connection "
        "{connection}'s extra names, and the account may use it."
    ),
    "InvalidGroup.NotFound": "Check `security_groups` in the fleet file: they must be ids, and of the subnet's VPC.",
    "InvalidInstanceType": "Check `sizes` in the fleet file: not every region has every instance type.",
    "InvalidKMSKey": "Check `kms_key` in the fleet file: it must lie in the region, be enabled, and be ours to use.",
    "InvalidSubnetID.NotFound": (
        "Check `subnet` in the fleet file: it is the id of a subnet of the region that `region_name` in connection "
        "{connection}'s extra names."
    ),
    "MaxVolumeStorage": "Ask for a higher quota of volumes (Service Quotas), or lower `at_once` of the sandbox.",
    "OptInRequired": "The account is not signed up for EC2 in that region, or must first accept the image's terms.",
    "RequestLimitExceeded": "EC2 limits how often it may be asked: try again later.",
    "SecurityGroupLimitExceeded": "Ask for a higher quota of security groups of a VPC, or remove what is not needed.",
    "UnauthorizedOperation": "The credentials of connection {connection} need the permission {permission}. " + POLICY,
    "Unsupported": "The subnet's zone does not offer that type, or the image does not run on it: check `sizes` and `images`.",
}
"""By the code of the answer."""

HINTS["VcpuLimitExceeded"] = HINTS["MaxSpotInstanceCountExceeded"] = HINTS["InstanceLimitExceeded"]
HINTS["VolumeLimitExceeded"] = HINTS["MaxVolumeStorage"]
HINTS["InvalidAMIID.Malformed"] = HINTS["InvalidAMIID.Unavailable"] = HINTS["InvalidAMIID.NotFound"]
HINTS["InvalidSubnetID.Malformed"] = HINTS["InvalidSubnet"] = HINTS["InvalidSubnetID.NotFound"]
HINTS["InvalidGroupId.Malformed"] = HINTS["InvalidSecurityGroupID.NotFound"] = HINTS["InvalidGroup.NotFound"]
HINTS["InvalidClientTokenId"] = HINTS["SignatureDoesNotMatch"] = HINTS["AuthFailure"]
HINTS["AccessDenied"] = HINTS["UnauthorizedOperation"]  # as STS says it
HINTS["RequestExpired"] = HINTS["ExpiredToken"]
DEFAULT = "Check the sandbox in the fleet file, and `region_name` in the extra of connection {connection}."


class RefusedError(errors.SandboxError):
    """EC2 has answered, and refused. `code` is its word: `InvalidAMIID.NotFound`."""

    def __init__(self, what: str, *, detail: str, hint: str, code: str) -> None:
        super().__init__(what, detail=detail, hint=hint)
        self.code = code


def refused(what: str, error: botocore.exceptions.ClientError, settings: connections.Connection) -> RefusedError:
    """Given what was to be done ("run instance proven-…") and EC2's answer, return the error for a person."""
    said: dict[str, Any] = error.response.get("Error", {})
    code = str(said.get("Code", ""))
    words = " ".join(str(said.get("Message", "")).split())[:500]
    request = error.response.get("ResponseMetadata", {}).get("RequestId") or "unknown"
    service = "sts" if error.operation_name == "AssumeRole" else "ec2"
    hint = HINTS.get(code, DEFAULT).format(connection=settings.name, permission=f"{service}:{error.operation_name}")
    return RefusedError(f"ec2: {what}: {code}", detail=f"{words} (request {request})", hint=hint, code=code)


def untold(what: str, error: botocore.exceptions.BotoCoreError, settings: connections.Connection) -> errors.SandboxError:
    """Given an error that is not EC2's, return the error for a person."""
    kinds = botocore.exceptions
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, kinds.NoCredentialsError | kinds.PartialCredentialsError | kinds.CredentialRetrievalError):
        hint = f"Connection {settings.name} holds no login and password, and this machine has no credentials of its own."
        return errors.SandboxError(f"ec2: {what}: there are no credentials", detail=detail, hint=hint)
    if isinstance(error, kinds.HTTPClientError | kinds.ConnectionError):
        hint = f"Check `endpoint_url` and `region_name` in the extra of connection {settings.name}, and the network."
        return errors.SandboxError(f"ec2: {what}: it can't be reached", detail=detail, hint=hint)
    hint = f"Check the extra of connection {settings.name}: `region_name` is needed."
    return errors.SandboxError(f"ec2: {what}: boto3 refuses", detail=detail, hint=hint)
