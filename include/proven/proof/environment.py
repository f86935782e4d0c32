"""Is the sandbox's server what the source was? Where it is not, what it answers says little about the recovery point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from include.proven import engines
from include.proven.engines import options
from include.proven.manifest import Server
from include.proven.proof.answers import could_not_run
from include.proven.proof.verdict import Check

DECISIVE = (*options.SETTINGS, "old_mode", "partial_revokes")
"""Settings that decide how SQL is understood and data stored: a sandbox takes them over (`engines/`), and must have done so."""
TOLD = ("default_collation_for_utf8mb4", "mandatory_roles", "activate_all_roles_on_login")
"""Settings that count for sessions or accounts only, and that a sandbox does not take over."""
SETS = frozenset({"sql_mode", "old_mode"})
UTC = frozenset({"UTC", "GMT", "Etc/UTC", "Universal", "+00:00", "-00:00"})
HINT = (
    "A server with other settings may refuse or accept for reasons of its own. See why the sandbox has not taken them over"
    " (its image, its packages, the server's log), then drill again."
)


def compare_servers(source: Server, sandbox: Mapping[str, Any]) -> Check:
    """Given the source as in the manifest and the sandbox's server (`agent/server.py`), say whether one may judge the other.

    Another flavour, series or decisive setting: could-not-run. Another patch level passes and is told.
    """
    found: Mapping[str, str] = sandbox["settings"]
    wrong = [*_series(source, sandbox["version"]), *_settings(source.settings, found)]
    if wrong:
        named = "; ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        what = f"the sandbox is not as the source was: {named}"
        return could_not_run("environment", what, HINT).model_copy(update={"differences": wrong})
    version = source.version
    if sandbox["version"] != version:
        version = f"{version} on the source, {sandbox['version']} here"
    alike = sum(name in source.settings for name in DECISIVE)
    return Check(
        name="environment",
        outcome="pass",
        figure=f"{source.flavour} {version}; {alike} settings alike",
        not_covered=list(_not_taken_over(source.settings, found)),
    )


def _series(source: Server, version: str) -> Iterator[str]:
    if not engines.engine(source.flavour).same_series(source, version):
        yield f"version: {source.version} on the source, {version} here"


def _settings(source: Mapping[str, str], sandbox: Mapping[str, str]) -> Iterator[str]:
    for name in DECISIVE:
        if name in source and _normal(name, source[name]) != _normal(name, sandbox.get(name)):
            yield f"{name}: {source[name] or 'empty'} on the source, {sandbox.get(name, 'unknown') or 'empty'} here"
    if options.OFFSET.fullmatch(source.get("time_zone", "")) and _zone(source) != _zone(sandbox):
        yield f"time_zone: {_zone(source)} on the source, {_zone(sandbox)} here"


def _not_taken_over(source: Mapping[str, str], sandbox: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for what differs, and need not keep the sandbox from judging."""
    if "time_zone" in source and _zone(source) != _zone(sandbox):
        yield (
            f"Times as the source's time zone shows them ({_zone(source)}): the sandbox's server is in {_zone(sandbox)}, and"
            " knows no time zones by name. The data is compared in UTC."
        )
    for name in TOLD:
        if name in source and source[name] != sandbox.get(name):
            yield f"Setting {name}, which the sandbox has not taken over: {source[name] or 'empty'} on the source."


def _normal(name: str, value: str | None) -> object:
    return frozenset(value.split(",")) if name in SETS and value is not None else value


def _zone(settings: Mapping[str, str]) -> str:
    """Return the time zone in which sessions begin."""
    zone = settings.get("time_zone", "")
    zone = settings.get("system_time_zone", "") if zone == "SYSTEM" else zone
    return "UTC" if zone in UTC else zone
