"""EC2's API as we use it: what reaches it, that one name is one instance, what is found, and that nothing is left.

The API is moto's behind a front (`moto_ec2.py` says what moto can't do and what the front does about it). Permissions, quotas
and capacity are refused by the front in EC2's own form. What nothing here can show: that IAM takes our policy
(`docs/examples/ec2-policy.json`) as we mean it, how long EC2 remembers a token, and how late its listings are.
"""

from collections.abc import Iterator

import pytest

from include.proven.sandboxes.ec2 import EC2Cloud
from tests.sandboxes.ec2.orders import open_cloud
from tests.sandboxes.moto_ec2 import EC2, running_ec2


@pytest.fixture(scope="module")
def server() -> Iterator[EC2]:
    with running_ec2() as running:
        yield running


@pytest.fixture
def ec2(server: EC2) -> Iterator[EC2]:
    yield server
    unused = [order.action for order in server.front.orders if order.times]
    server.clear()
    assert not unused, f"no request met the fault that was meant for {unused}"


@pytest.fixture
def cloud(ec2: EC2) -> EC2Cloud:
    return open_cloud(ec2)
