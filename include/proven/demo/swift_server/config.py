"""What the embedded Swift is told: its settings, and the files that the real servers read."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping

SERVERS = ("proxy", "account", "container", "object")
PACKAGE = "include.proven.demo.swift_server"
LOOPBACK = "127.0.0.1"

WORD = re.compile(r"[A-Za-z0-9]+")
PASSWORD = re.compile(r"[A-Za-z0-9_-]+")


@dataclasses.dataclass(frozen=True)
class Account:
    """One user of tempauth, and the account that the user owns, or at least may log in to."""

    account: str
    user: str
    password: str = dataclasses.field(repr=False)
    owner: bool = True
    """Without it the user may log in, and nothing more."""
    reseller: bool = False
    """The user gives accounts their quotas, which their owners can't."""

    @property
    def groups(self) -> str:
        """What tempauth's file calls that."""
        return ".reseller_admin" if self.reseller else ".admin" if self.owner else ""

    def __post_init__(self) -> None:
        if not WORD.fullmatch(self.account) or not WORD.fullmatch(self.user) or not PASSWORD.fullmatch(self.password):
            raise ValueError("tempauth's file takes letters and digits only (in a password also - and _)")


@dataclasses.dataclass(frozen=True)
class Keystone:
    """The Keystone that knows the users, and Swift's own account there, which must have the role `service`."""

    url: str
    """With its version: http://127.0.0.1:5000/v3"""
    project: str
    user: str
    password: str = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        if not WORD.fullmatch(self.project) or not WORD.fullmatch(self.user) or not PASSWORD.fullmatch(self.password):
            raise ValueError("paste's file takes letters and digits only (in a password also - and _)")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to run. It travels as ROOT/settings.json (0600), so that no password is in an argument."""

    accounts: tuple[Account, ...] = ()
    keystone: Keystone | None = None
    """With it there is no tempauth, and `accounts` are not used. The environment must have keystonemiddleware."""
    address: str = LOOPBACK
    """Of this machine, where its clients reach it; its servers find each other on loopback."""
    port: int = 0
    """0: the kernel chooses."""
    constraints: dict[str, int] = dataclasses.field(default_factory=dict)
    """`[swift-constraints]`: `max_file_size` and the like."""
    manifest_segments: int = 1000
    """The most segments that one manifest may name, and the most parts of an S3 multipart upload."""
    s3_minimum_part: int = 5 << 20
    """Bytes that every part of an S3 multipart upload but the last must have. Tests set it low."""
    reserve: str = "0"
    """Space that must stay free, bytes or per cent; `100%` is a full disk."""
    parent: int | None = None
    """Process that the server must not outlive."""

    def write(self, root: pathlib.Path) -> None:
        """Write them below `root`."""
        write_private(root / "settings.json", json.dumps(dataclasses.asdict(self)))

    @classmethod
    def read(cls, root: pathlib.Path) -> Settings:
        """Return the settings that `write` wrote."""
        members = json.loads((root / "settings.json").read_text())
        members["accounts"] = tuple(Account(**account) for account in members["accounts"])
        members["keystone"] = Keystone(**members["keystone"]) if members["keystone"] else None
        return cls(**members)


CLUSTER = """\
[swift-hash]
swift_hash_path_prefix = proven
swift_hash_path_suffix = proven
[storage-policy:0]
name = one
default = yes
[swift-constraints]
{constraints}
"""

# disable_fallocate stays off: only then does the object server honour fallocate_reserve.
EVERY_SERVER = """\
[DEFAULT]
swift_dir = {root}/etc
devices = {root}/srv
mount_check = false
bind_ip = {address}
bind_port = {port}
workers = 0
log_name = {name}-server
log_level = INFO
log_custom_handlers = {package}.logs.log_to_file
fallocate_reserve = {reserve}
db_preallocation = off
client_timeout = 60
"""

BACKEND = (
    EVERY_SERVER
    + """
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
)

PIPELINE = (
    "catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl {auth} copy "
    "container-quotas account-quotas slo dlo proxy-logging proxy-server"
)

PROXY = (
    EVERY_SERVER
    + """
[pipeline:main]
pipeline = {pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
# One node: there is no other to ask.
request_node_count = 1
conn_timeout = 5
node_timeout = 60
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
paste.filter_factory = {package}.cache:filter_factory
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:tempurl]
use = egg:swift#tempurl
[filter:s3api]
use = egg:swift#s3api
min_segment_size = {s3_minimum_part}
max_upload_part_num = {manifest_segments}
[filter:copy]
use = egg:swift#copy
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:account-quotas]
use = egg:swift#account_quotas
[filter:slo]
use = egg:swift#slo
max_manifest_segments = {manifest_segments}
# s3api asks for it, and it would leave the segments to an object-expirer that does not run here
allow_async_delete = false
[filter:dlo]
use = egg:swift#dlo
{auth_filters}
"""
)

TEMPAUTH = """\
[filter:tempauth]
use = egg:swift#tempauth
token_life = 86400
{users}
"""

# s3token asks Keystone whose an S3 access key is; what it says must reach keystoneauth, and authtoken may not decide before.
KEYSTONE_PIPELINE = "authtoken s3api s3token keystoneauth"
KEYSTONE = """\
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {keystone.url}
delay_auth_decision = true
service_token_roles_required = true
service_type = object-store
cache = swift.cache
{account}
[filter:s3token]
use = egg:swift#s3token
auth_uri = {keystone.url}/
{account}
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
"""
KEYSTONE_ACCOUNT = """\
auth_type = password
auth_url = {keystone.url}
project_domain_name = Default
user_domain_name = Default
project_name = {keystone.project}
username = {keystone.user}
password = {keystone.password}"""


def write_configuration(root: pathlib.Path, settings: Settings, ports: Mapping[str, int]) -> None:
    """Given the port of each server, write their files (0600: one holds the passwords) below `root`/etc."""
    constraints = "\n".join(f"{name} = {value}" for name, value in settings.constraints.items())
    write_private(root / "etc/swift.conf", CLUSTER.format(constraints=constraints))
    for name in SERVERS:
        template = PROXY if name == "proxy" else BACKEND
        text = template.format(
            root=root,
            name=name,
            address=settings.address if name == "proxy" else LOOPBACK,
            port=ports[name],
            package=PACKAGE,
            pipeline=PIPELINE.format(auth=KEYSTONE_PIPELINE if settings.keystone else "s3api tempauth"),
            reserve=settings.reserve,
            manifest_segments=settings.manifest_segments,
            s3_minimum_part=settings.s3_minimum_part,
            auth_filters=auth_filters(settings),
        )
        write_private(root / f"etc/{name}-server.conf", text)


def auth_filters(settings: Settings) -> str:
    """Return the sections of the filters that know the users."""
    if settings.keystone:
        account = KEYSTONE_ACCOUNT.format(keystone=settings.keystone)
        return KEYSTONE.format(keystone=settings.keystone, account=account)
    users = (f"user_{user.account}_{user.user} = {user.password} {user.groups}" for user in settings.accounts)
    return TEMPAUTH.format(users="\n".join(users))


def write_private(path: pathlib.Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text)
