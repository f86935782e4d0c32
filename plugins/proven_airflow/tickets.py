"""Lets the web server know a task of ours, where nobody is logged in who could ask.

As Airflow's web server does it when it fetches logs from workers: a token that is good for a minute, signed with
`[api] secret_key`, which all of Airflow's parts share.
"""

from __future__ import annotations

import jwt
from airflow.configuration import conf

from include.proven.errors import ConfigError

AUDIENCE = "proven-watch"
"""A token for logs opens nothing here, nor ours a log."""
ALGORITHM = "HS512"
SECONDS = 60


def issue() -> str:
    """Return a token. Raise ConfigError if this part of Airflow has no key."""
    from airflow.api_fastapi.auth import tokens  # imported here: it brings Airflow's models with it

    maker = tokens.JWTGenerator(
        secret_key=_key(),
        private_key=None,  # type: ignore[arg-type]  # else it would look for the one that signs logins
        issuer=None,
        algorithm=ALGORITHM,
        audience=AUDIENCE,
        valid_for=SECONDS,
    )
    return maker.generate()


async def is_genuine(token: str) -> bool:
    """Say whether a token is ours, and still good. Raise ConfigError as `issue` does."""
    from airflow.api_fastapi.auth import tokens

    judge = tokens.JWTValidator(secret_key=_key(), issuer=None, algorithm=ALGORITHM, audience=AUDIENCE)
    try:
        await judge.avalidated_claims(token)
    except jwt.InvalidTokenError:
        return False
    return True


def _key() -> str:
    if key := conf.get("api", "secret_key", fallback=""):
        return str(key)
    raise ConfigError("airflow: [api] secret_key is not set", hint="Give all of Airflow's parts the same one.")
