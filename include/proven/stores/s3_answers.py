"""Answers of S3 that are not whole, or that say to try again in a way that boto3 does not know.

A proxy between may cut an answer short, with a length that fits. Then boto3 takes an empty one for a listing of nothing, half
an error for another one, and a record as it comes.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

TRY_AGAIN = b"<Error><Code>RequestTimeout</Code><Message>the request timed out, or its answer broke off</Message></Error>"
"""An answer after which boto3 tries again, whatever its status."""
REQUEST_TIMEOUT, SERVER_ERROR, NO_SUCCESS = 408, 500, 300
XML = (b"<?xml", b"<Error")
MD5 = re.compile(r'"([0-9a-f]{32})"')
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/\d+")
NO_MD5 = ("aws:kms", "aws:kms:dsse")
"""Encryption with which an object's ETag looks like an MD5 and is none."""


def watch(client: Any) -> None:
    """Let a client of boto3 try again where it gets no whole answer."""
    client.meta.events.register("before-parse.s3", _spot_broken)


def read_whole(answer: Mapping[str, Any]) -> bytes:
    """Return the body of an answer of `get_object`. Raise BotoCoreError unless it is all of the object, or of the range."""
    content = bytes(answer["Body"].read())
    span, digest = CONTENT_RANGE.fullmatch(answer.get("ContentRange", "")), MD5.fullmatch(answer.get("ETag", ""))
    if span:
        whole = len(content) == int(span[2]) - int(span[1]) + 1
    elif answer.get("ServerSideEncryption") in NO_MD5 or not digest:
        whole = True  # boto3 itself compares the SHA-256, where the server keeps one
    else:
        whole = hashlib.md5(content, usedforsecurity=False).hexdigest() == digest[1]
    if not whole:
        raise botocore.exceptions.FlexibleChecksumError(
            error_msg="the answer is shorter than what is stored, or other bytes came"
        )
    return content


def _spot_broken(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Turn an answer that is none into one that asks to try again."""
    status, body = response_dict["status_code"], response_dict["body"]
    if status < NO_SUCCESS:
        if body == b"" and _speaks(operation_model):
            response_dict |= {"status_code": SERVER_ERROR, "body": TRY_AGAIN}
    elif status == REQUEST_TIMEOUT or (body.startswith(XML) and not _is_xml(body)):
        response_dict["body"] = TRY_AGAIN


def _speaks(operation_model: Any) -> bool:
    """Say whether a success of this operation has something in its body."""
    shape = operation_model.output_shape
    if shape is None or operation_model.has_streaming_output:
        return False
    return any("location" not in member.serialization for member in shape.members.values())


def _is_xml(body: bytes) -> bool:
    try:
        ET.fromstring(body)  # noqa: S314  # what it says is not looked at; boto3 parses it the same way
    except ET.ParseError:
        return False
    return True
