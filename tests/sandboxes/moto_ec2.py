"""EC2's API: moto's server, behind a front that does what EC2 does and moto does not, or is told to refuse.

What was found out by trying moto 5.2.5:

| | EC2 | moto | here |
|---|---|---|---|
| ClientToken of RunInstances | one instance | as many as it is asked for | front: one |
| … with other parameters | IdempotentParameterMismatch | taken | front: as EC2 |
| … of a terminated instance | IdempotentInstanceTerminated | taken | front: as EC2 |
| unknown image, instance type | refused | taken, if not told otherwise | told otherwise |
| … security group of an interface | refused | taken | `refuse` |
| a security group in use is deleted | DependencyViolation | taken | front: as EC2 |
| user data of more than 16 KiB | refused | taken | front: as EC2 |
| tags of network interfaces in RunInstances | kept | forgotten | front: kept |
| signatures, permissions, quotas, capacity | checked | not | `refuse` |
| pending, shutting-down | some seconds to minutes | never: running, terminated at once | `change` |
| why an instance died | StateReason | only that a user did it | `change` |
| pages | of all listings | of instances only | |
| a machine | yes | none | front: as its `hypervisor` has it, `moto_machines.py` |
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import os
import re
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import boto3
from werkzeug import serving, wsgi

from include.proven import connections

REGION = "eu-central-1"
SETTINGS = {"MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true", "MOTO_ENABLE_AMI_VALIDATION": "true"}
USER_DATA_BYTES = 16384
SECRET = "a-secret-that-nobody-may-read"
ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    "</Errors><RequestID>ea966190-f9aa-478e-9ede-example00001</RequestID></Response>"
)
"""As EC2 answers a request of its Query API."""

STATES = ("pending", "running", "stopping", "stopped", "shutting-down", "terminated")

Parameters = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: str
    body: bytes


@dataclasses.dataclass
class Order:
    """What a test has asked for: an answer instead of moto's, or another text in moto's."""

    action: str
    times: int
    alter: Callable[[Answer | None], Answer | None]
    """Given None before moto is asked, and its answer afterwards."""


def refusal(code: str, message: str = "refused", status: str = "400 Bad Request") -> Answer:
    """Return an error as EC2 tells it."""
    return Answer(status, ERROR.format(code=code, message=message).encode())


class Hypervisor(Protocol):
    """Has machines for the instances."""

    def boot(self, instance: str, user_data: str) -> str:
        """Boot a machine for an instance; return its address."""

    def end(self, instance: str) -> None:
        """End the machine of an instance, if there is one."""

    def stopped(self) -> list[str]:
        """Return the instances whose machine has ended by itself."""


class Front:
    """WSGI application before moto."""

    def __init__(self, moto: str) -> None:
        self.requests: list[Parameters] = []
        """All that have come, as they came."""
        self.orders: list[Order] = []
        self.before: Callable[[Parameters], object] = lambda _: None
        """Called with each request before it is its turn: holds it back."""
        self.hypervisor: Hypervisor | None = None
        self._addresses: dict[bytes, bytes] = {}
        """moto's → the machine's."""
        self._moto = urllib.parse.urlsplit(moto)
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[Parameters, Answer]] = {}
        self._client = open_client(moto)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = wsgi.get_input_stream(environ).read()
        parameters = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        headers = {"Authorization": environ["HTTP_AUTHORIZATION"], "Content-Type": environ["CONTENT_TYPE"]}
        self.before(parameters)
        with self._lock:  # moto is not made for two at once; between two requests of one client others still come in
            self.requests.append(parameters)
            answer = self._readdress(self._answer(parameters, body, headers))
        start_response(answer.status, [("Content-Type", "text/xml"), ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def forget(self) -> None:
        """Forget what was asked and what was ordered."""
        self.requests.clear()
        self.orders.clear()
        self.before = lambda _: None
        self._tokens.clear()
        self._addresses.clear()
        self.hypervisor = None

    def _answer(self, parameters: Parameters, body: bytes, headers: dict[str, str]) -> Answer:
        order = next((order for order in self.orders if order.action == parameters["Action"] and order.times), None)
        if order:
            order.times -= 1
            if answer := order.alter(None):
                return answer
        if refused := self._refuse(parameters):
            return refused
        self._end_stopped()
        answer = self._ask_moto(body, headers)
        if answer.status.startswith("200"):
            self._remember(parameters, answer)
        return (order.alter(answer) or answer) if order else answer

    def _refuse(self, parameters: Parameters) -> Answer | None:
        action = parameters["Action"]
        if action == "RunInstances" and (made := self._tokens.get(parameters["ClientToken"])):
            if made[0] != parameters:
                return refusal("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent")
            ids = instance_ids(made[1])
            states = {instance["State"]["Name"] for instance in self._instances(Filters=[filter_by("instance-id", *ids)])}
            return refusal("IdempotentInstanceTerminated", "The client token") if states == {"terminated"} else made[1]
        if len(base64.b64decode(parameters.get("UserData", ""))) > USER_DATA_BYTES:
            return refusal("InvalidParameterValue", f"User data is limited to {USER_DATA_BYTES} bytes")
        if action == "DeleteSecurityGroup":
            instances = self._instances(Filters=[filter_by("instance.group-id", parameters["GroupId"])])
            if any(instance["State"]["Name"] != "terminated" for instance in instances):
                return refusal("DependencyViolation", f"resource {parameters['GroupId']} has a dependent object")
        return None

    def _instances(self, **arguments: Any) -> list[dict[str, Any]]:
        return [entry for found in self._client.describe_instances(**arguments)["Reservations"] for entry in found["Instances"]]

    def _remember(self, parameters: Parameters, answer: Answer) -> None:
        if parameters["Action"] == "TerminateInstances" and self.hypervisor:
            for instance in instance_ids(answer):
                self.hypervisor.end(instance)
        if parameters["Action"] != "RunInstances":
            return
        if self.hypervisor:
            (instance,), address = instance_ids(answer), re.findall(rb"<privateIpAddress>(.*?)<", answer.body)[0]
            held = self._client.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"]
            self._addresses[address] = self.hypervisor.boot(instance, base64.b64decode(held).decode()).encode()
        self._tokens[parameters["ClientToken"]] = (parameters, answer)
        interfaces = [match.decode() for match in re.findall(rb"<networkInterfaceId>(eni-\w+)", answer.body)]
        for number in range(1, 9):
            if parameters.get(f"TagSpecification.{number}.ResourceType") == "network-interface":
                prefix = f"TagSpecification.{number}.Tag."
                names = sorted(key for key in parameters if key.startswith(prefix) and key.endswith(".Key"))
                tags = [{"Key": parameters[key], "Value": parameters[f"{key[:-3]}Value"]} for key in names]
                self._client.create_tags(Resources=interfaces, Tags=tags)

    def _readdress(self, answer: Answer) -> Answer:
        body = answer.body
        for theirs, ours in self._addresses.items():
            body = body.replace(b">" + theirs + b"<", b">" + ours + b"<")
        return Answer(answer.status, body)

    def _end_stopped(self) -> None:
        """What has shut itself down is terminated, as it was ordered."""
        for instance in self.hypervisor.stopped() if self.hypervisor else []:
            self._client.terminate_instances(InstanceIds=[instance])
            if self.hypervisor:
                self.hypervisor.end(instance)

    def _ask_moto(self, body: bytes, headers: dict[str, str]) -> Answer:
        asked = http.client.HTTPConnection(str(self._moto.hostname), self._moto.port, timeout=60)
        with contextlib.closing(asked):
            asked.request("POST", "/", body, headers)
            answer = asked.getresponse()
            return Answer(f"{answer.status} {answer.reason}", answer.read())


@dataclasses.dataclass(frozen=True)
class EC2:
    """A running EC2, with a network and an image."""

    url: str
    front: Front
    client: Any
    """boto3's, straight to moto: what somebody else sees and does."""
    subnet: str
    image: str

    def connection(self, **extra: str) -> connections.Connection:
        """Return credentials for it."""
        known = {"region_name": REGION, "endpoint_url": self.url, **extra}
        return connections.Connection("proven_ec2", conn_type="aws", login="AKIAOFPROVEN", password=SECRET, extra=known)

    def refuse(self, action: str, code: str, message: str = "refused", *, times: int = 1) -> None:
        """Refuse the next requests of that action."""
        self.front.orders.append(Order(action, times, lambda _: refusal(code, message)))

    def lose_answer(self, action: str) -> None:
        """Do what the next request of that action asks for, and tell the client that it can't be done."""
        lost = refusal("InternalError", "try again", "500 Internal Server Error")
        self.front.orders.append(Order(action, 1, lambda done: done and lost))

    def change(self, action: str, old: str, new: str, *, times: int = 1) -> None:
        """Put another text into the next answers to that action."""

        def alter(answer: Answer | None) -> Answer | None:
            if answer is None:
                return None
            assert old in answer.body.decode()
            return Answer(answer.status, answer.body.decode().replace(old, new).encode())

        self.front.orders.append(Order(action, times, alter))

    def requests(self, action: str) -> list[Parameters]:
        """Return the parameters of all requests of that action so far."""
        return [parameters for parameters in self.front.requests if parameters["Action"] == action]

    def instances(self, *states: str) -> list[dict[str, Any]]:
        """Return all instances in these states; without one named, all that are not terminated."""
        found = self.client.describe_instances(Filters=[filter_by("instance-state-name", *(states or STATES[:4]))])
        return [instance for reservation in found["Reservations"] for instance in reservation["Instances"]]

    def groups(self) -> list[dict[str, Any]]:
        """Return all security groups but the VPCs' own."""
        return [group for group in self.client.describe_security_groups()["SecurityGroups"] if group["GroupName"] != "default"]

    def volumes(self) -> list[dict[str, Any]]:
        """Return all volumes."""
        return list(self.client.describe_volumes()["Volumes"])

    def interfaces(self) -> list[dict[str, Any]]:
        """Return all network interfaces."""
        return list(self.client.describe_network_interfaces()["NetworkInterfaces"])

    def clear(self) -> None:
        """Remove everything, and forget what was asked."""
        self.front.forget()
        for instance in self.instances():
            self.client.terminate_instances(InstanceIds=[instance["InstanceId"]])
        for instance in self.instances("terminated"):
            if tags := [{"Key": tag["Key"]} for tag in instance.get("Tags", [])]:  # moto never forgets an instance
                self.client.delete_tags(Resources=[instance["InstanceId"]], Tags=tags)
        for volume in self.volumes():
            self.client.delete_volume(VolumeId=volume["VolumeId"])
        for interface in self.interfaces():
            self.client.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
        for group in self.groups():
            self.client.delete_security_group(GroupId=group["GroupId"])

    def left(self) -> list[Any]:
        """Return all that is there and might cost something, or be in the way."""
        return [*self.instances(), *self.groups(), *self.volumes(), *self.interfaces()]


def filter_by(name: str, *values: str) -> dict[str, Any]:
    """Return a filter of EC2's."""
    return {"Name": name, "Values": list(values)}


def instance_ids(answer: Answer) -> list[str]:
    """Return the instances that an answer names."""
    return [match.decode() for match in re.findall(rb"<instanceId>(i-\w+)", answer.body)]


def open_client(url: str) -> Any:
    """Return a plain client of boto3."""
    return boto3.client("ec2", REGION, endpoint_url=url, aws_access_key_id="AKIAOTHER", aws_secret_access_key="other")


@contextlib.contextmanager
def running_ec2(network: str = "10.20.0.0/16", subnet: str = "10.20.1.0/24") -> Iterator[EC2]:
    """Run moto's server and the front while the block runs, with one VPC and its subnet."""
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(
        argv, env={**os.environ, **SETTINGS}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            moto = next(found[0] for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            drain = threading.Thread(target=process.stdout.read, daemon=True)
            drain.start()
            front = Front(moto)
            server = serving.make_server("127.0.0.1", 0, front, threaded=True, request_handler=QuietHandler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            client = open_client(moto)
            vpc = client.create_vpc(CidrBlock=network)["Vpc"]["VpcId"]
            made = client.create_subnet(VpcId=vpc, CidrBlock=subnet)["Subnet"]["SubnetId"]
            images = client.describe_images(Owners=["amazon"])["Images"]
            image = next(found["ImageId"] for found in images if found["RootDeviceType"] == "ebs")
            yield EC2(f"http://127.0.0.1:{server.server_port}", front, client, made, image)
            server.shutdown()
        finally:
            process.kill()
            drain.join()


class QuietHandler(serving.WSGIRequestHandler):
    """Writes no log of requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""
