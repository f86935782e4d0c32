"""Slack, by an incoming webhook: a page is a message, and so is its resolution.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

import re
from typing import Any

from include.proven import connections
from include.proven.errors import ConfigError
from include.proven.fleet.pages import Severity, SlackRoute
from include.proven.pages.messages import News
from include.proven.pages.page import Page
from include.proven.pages.transport import Delivery, read_token
from include.proven.pages.wording import acknowledgement, facts, footing, resolved_headline, resolved_text

HOST = "https://hooks.slack.com/services"
MOST_TEXT = 3000
"""Characters of a block's text, escaped; Slack refuses the message when there are more."""
MOST_BLOCKS = 45
"""Of news. Slack takes 50 in a message."""
MOST_FACT = 500
"""Characters of one fact, so that all six fit into a block."""
SIGNS: dict[Severity, str] = {
    "critical": ":rotating_light:",
    "error": ":red_circle:",
    "warning": ":warning:",
    "info": ":information_source:",
}
TOKEN = re.compile(r"[\w-]+(/[\w-]+)*")


def trigger(name: str, route: SlackRoute, page: Page) -> Delivery:
    """Return the message that tells `page`. Raise ConfigError if the connection holds no webhook."""
    headline = f"{SIGNS[page.urgency]} *{escape(page.headline, MOST_FACT)}*"
    told = "\n".join(_fact(label, value) for label, value in facts(page).items())
    blocks = [_section(headline), _section(told)]
    if page.detail:
        # what would end the block of code too early is written in another way
        blocks.append(_section(f"```{escape(page.detail.strip().replace('```', '´´´'), MOST_TEXT - 10)}```"))
    if command := acknowledgement(page):
        blocks.append(_section(f"You are on it? Say so, and nobody else is called: `{escape(command, MOST_FACT)}`"))
    blocks.append({"type": "context", "elements": [_text(escape(footing(page), MOST_FACT))]})
    return _delivery(name, route, f"trigger {page.dedup_key}", headline, blocks)


def resolution(name: str, route: SlackRoute, key: str) -> Delivery:
    """Return the message that the page of that dedup key is resolved. Raise as `trigger` does."""
    headline = f":white_check_mark: *{escape(resolved_headline(key), MOST_FACT)}*"
    blocks = [_section(headline), _section(escape(resolved_text(key), MOST_TEXT))]
    return _delivery(name, route, f"resolve {key}", headline, blocks)


def news(name: str, route: SlackRoute, news: News) -> Delivery:
    """Return the message that tells `news`. Raise as `trigger` does."""
    headline = f"*{escape(news.title, MOST_FACT)}*"
    return _delivery(name, route, f"news {news.title}", headline, [_section(headline), *_sections(news.text)])


def escape(text: str, most: int) -> str:
    """Return `text` with what controls Slack written out, cut to `most` characters: `<!channel>` in an error calls nobody."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= most:
        return escaped
    return re.sub(r"&[a-z]*$", "", escaped[: most - 1]) + "…"


def _fact(label: str, value: str) -> str:
    escaped = escape(value, MOST_FACT - 20)
    return f"*{label}:* `{escaped}`" if label == "Next" else f"*{label}:* {escaped}"


def _sections(text: str) -> list[dict[str, Any]]:
    """Return blocks of the lines of `text`, as few as hold them all."""
    parts = [""]
    for line in text.strip().splitlines():
        escaped = escape(line, MOST_TEXT - 1)
        if len(parts[-1]) + len(escaped) >= MOST_TEXT:
            parts.append("")
        parts[-1] += escaped + "\n"
    return [_section(part) for part in parts if part.strip()][:MOST_BLOCKS]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def _delivery(name: str, route: SlackRoute, action: str, text: str, blocks: list[dict[str, Any]]) -> Delivery:
    hint = "It is what follows 'https://hooks.slack.com/services/' in the address of an incoming webhook."
    token = read_token(name, route.connection, "webhook of Slack's", hint)
    if not TOKEN.fullmatch(token):
        raise ConfigError(f"{name}: the password of connection {route.connection!r} is no webhook of Slack's", hint=hint)
    host = connections.resolve(route.connection).host or HOST
    base = host if "://" in host else f"https://{host}"
    # `text` is what a phone shows on its locked screen, and what is shown where blocks are not
    body = {"text": text, "blocks": blocks}
    return Delivery(f"{name}: {action}", f"{base.rstrip('/')}/{token}", body, ca_file=route.ca_file, secrets=(token,))
