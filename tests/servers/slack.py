"""A channel of Slack's with an incoming webhook. Part of `pager.py`'s server.

It answers with the words of https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: `ok`, 404 `no_service`
for a webhook that is not there, 400 `invalid_blocks` for what breaks a limit.
"""

from __future__ import annotations

import dataclasses
from typing import Any

SLACK_TOKEN = "T0FAKE/B0FAKE/n0tArealWebh00k"
SERVICES = "/services/"
MOST_BLOCKS, MOST_TEXT = 50, 3000


@dataclasses.dataclass
class Channel:
    """What people in the channel see."""

    url: str = ""
    """Host of a route's connection."""
    messages: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @property
    def shown(self) -> list[str]:
        """The text of every message, as it was sent."""
        return ["\n".join(_texts(message)) for message in self.messages]

    def take(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        """Take one message; return status and body of the answer."""
        if path != SERVICES + SLACK_TOKEN:
            return 404, "no_service"
        if not body.get("text") and not body.get("blocks"):
            return 400, "no_text"
        texts = _texts(body)
        if len(body.get("blocks", [])) > MOST_BLOCKS or any(not 0 < len(text) <= MOST_TEXT for text in texts):
            return 400, "invalid_blocks"
        self.messages.append(body)
        return 200, "ok"


def _texts(body: dict[str, Any]) -> list[str]:
    found = []
    for block in body.get("blocks", []):
        elements = [block["text"]] if block["type"] in {"section", "header"} else block["elements"]
        found += [element["text"] for element in elements]
    return found
