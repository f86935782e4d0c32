"""All faults of a fleet file are told at once, each with its line and a way out."""

from __future__ import annotations

import pathlib
import re

import pytest

from include.proven.errors import ConfigError
from include.proven.fleet import load, source
from include.proven.fleet.faults import Fault

GOOD = """\
version: 1
gnupg:
  home: keys
  recipients: [backup@proven.invalid]
  signer: backup@proven.invalid
stores:
  swift: {kind: swift, connection: swift, container: proven}
sandboxes:
  local: {kind: local}
pages:
  routes:
    oncall: {kind: pagerduty, connection: pagerduty}
    hook: {kind: webhook, endpoint: "https://hook.example/x"}
databases:
  shop:
    connection: shop
    engine: mariadb
    schedule: "0 2 * * *"
    objectives: {rpo: 26h, rto: 1h}
    stores: [swift]
    sandbox: local
    owner: shop-team
    contacts: [oncall]
"""

MANY = """\
version: 2                                      # FAULT version
gnupg:
  home: ${PROVEN_TEST_UNSET}                    # FAULT gnupg.home
  recipients: []                                # FAULT gnupg.recipients
  signer: backup@proven.invalid
stores:
  swift: {kind: swft, connection: c, container: x}        # FAULT stores.swift.kind
sandboxes:
  local:
    kind: local
    space_factor: 0.5                           # FAULT sandboxes.local.space_factor
    lifetime: soon                              # FAULT sandboxes.local.lifetime
pages:
  routes:
    oncall: {kind: pagerdutty, connection: pd}  # FAULT pages.routes.oncall.kind
    hook:                                       # FAULT pages.routes.hook.endpoint
      kind: webhook
      endpont: http://hook.example              # FAULT pages.routes.hook.endpont
    chat:
      kind: webhook
      endpoint: https://me:hunter2@chat.example # FAULT pages.routes.chat.endpoint
databases:
  shop:
    connection: shop
    engine: mariab                              # FAULT databases.shop.engine
    schedule: "0 2 * *"                         # FAULT databases.shop.schedule
    objectives:                                 # FAULT databases.shop.objectives.rto
      rpo: 26h
    stores: [swif]                              # FAULT databases.shop.stores[0]
    sandbox: local
    owner: shop-team
    contacts:
      - oncall
      - oncal                                   # FAULT databases.shop.contacts[1]
    checks: no_such_folder                      # FAULT databases.shop.checks
    password: hunter2                           # FAULT databases.shop.password
    scheduel: "@daily"                          # FAULT databases.shop.scheduel
  Shop:                                         # FAULT databases.Shop
    connection: a
    connection: b                               # FAULT databases.Shop.connection
    engine: mysql
    schedule: "@daily"
    objectives: {rpo: 4h, rto: 1h}              # FAULT databases.Shop.objectives.rpo
    stores: [swift]
    sandbox: local
    owner: shop-team
    contacts: oncall                            # FAULT databases.Shop.contacts
    canary: maybe                               # FAULT databases.Shop.canary
"""


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "fleet.yaml"


def only_fault(file: pathlib.Path, content: str | bytes) -> Fault:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    (fault,) = load.find_faults(file)
    return fault


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_a_good_file_has_no_faults(file: pathlib.Path) -> None:
    file.write_text(GOOD)
    assert load.find_faults(file) == []
    assert load.load(file).databases["shop"].owner == "shop-team"


def test_many_faults_are_told_at_once_each_with_its_own_line(file: pathlib.Path) -> None:
    file.write_text(MANY)
    lines = enumerate(MANY.splitlines(), start=1)
    expected = {(number, where) for number, line in lines for where in re.findall(r"# FAULT (\S+)", line)}
    assert {(fault.line, fault.where) for fault in load.find_faults(file)} == expected
    assert len(expected) == 23


def test_one_error_lists_them_all_and_shows_no_secret(file: pathlib.Path) -> None:
    file.write_text(MANY)
    with pytest.raises(ConfigError, match=r"fleet\.yaml: 23 faults") as caught:
        load.load(file)
    assert str(caught.value).count(f"{file}:") == 24
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "where", "hint"),
    [
        ("engine: mariadb", "engine: marìadb", "databases.shop.engine", "Did you mean 'mariadb'?"),
        ("    owner:", "    ownr: x\n    owner:", "databases.shop.ownr", "Did you mean 'owner'?"),
        ("stores: [swift]", "stores: [swfit]", "databases.shop.stores[0]", "Did you mean 'swift'?"),
        ("[oncall]", "[onkall]", "databases.shop.contacts[0]", "Did you mean 'oncall'?"),
        ("kind: webhook", "kind: webhok", "pages.routes.hook.kind", "Did you mean 'webhook'?"),
        ("sandbox: local", "sandbox: cloud", "databases.shop.sandbox", "The sandboxes are local."),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(file: pathlib.Path, old: str, new: str, where: str, hint: str) -> None:
    fault = only_fault(file, changed(old, new))
    assert (fault.where, fault.hint) == (where, hint)


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"", 0, "is empty"),
        (b"# nothing but a comment\n", 0, "is empty"),
        (b"- a\n- b\n", 1, "must be a mapping"),
        (b"just text", 1, "must be a mapping"),
        (b"version: 1\ngnupg:\n\thome: x\n", 3, r"found character '\t'"),
        (b"version: 1\nowner: J\xf6rg\n", 2, "is not UTF-8"),
        (b"version: 1\nx: \x07\n", 2, "control character"),
        (b"version: 1\n---\nversion: 1\n", 2, "another document"),
        (b"version: @daily\n", 1, "cannot start any token"),
        (b"a: b: c\n", 1, "mapping values are not allowed"),
        (b"version: 1\na: {\n", 3, "expected the node content"),
        (b"a: *b\n", 1, "undefined alias"),
        (b"[" * 5000, 0, "nested too deep"),
        (b"[" * 200_000, 0, "nested too deep"),
        (b"a: b: c\n" + b"#" * source.LARGE, 1, "mapping values are not allowed"),
    ],
)
def test_what_is_no_fleet_at_all_is_one_clear_fault(file: pathlib.Path, content: bytes, line: int, what: str) -> None:
    fault = only_fault(file, content)
    assert fault.line == line
    assert what in fault.what


def test_a_missing_file_is_one_clear_fault(tmp_path: pathlib.Path) -> None:
    (fault,) = load.find_faults(tmp_path / "gone.yaml")
    assert "no such file" in fault.what
    (fault,) = load.find_faults(tmp_path)
    assert "is a directory" in fault.what


@pytest.mark.parametrize(
    "text",
    [
        "version: &a [*a]\n",
        "version: &a {<<: *a}\n",
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
        ),
    ],
)
def test_aliases_without_end_are_refused(file: pathlib.Path, text: str) -> None:
    file.write_text(text)
    assert any("without end" in fault.what or "must name a mapping" in fault.what for fault in load.find_faults(file))


def test_yaml_takes_no_word_for_another(file: pathlib.Path) -> None:
    """`no`, `on` and `1:30` are text: YAML 1.1 would read false, true and 90."""
    file.write_text(changed("owner: shop-team", "owner: no").replace("  shop:", "  on:"))
    assert load.load(file).databases["on"].owner == "no"


def test_a_tag_is_refused_and_never_run(file: pathlib.Path) -> None:
    fault = only_fault(file, changed("owner: shop-team", "owner: !!python/object/apply:os.getcwd []"))
    assert fault.where == "databases.shop.owner"


@pytest.mark.parametrize(
    ("schedule", "what"),
    [
        ("0 2 * *", "five fields"),
        ("0 2 * * * *", "five fields"),
        ("61 * * * *", "no cron expression"),
        ("0 0 30 2 *", "never comes"),
        ("@once", "no preset"),
        ("@dayly", "no preset"),
        ("R * * * *", "no cron expression"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_a_fault(file: pathlib.Path, schedule: str, what: str) -> None:
    fault = only_fault(file, changed("0 2 * * *", schedule))
    assert fault.where == "databases.shop.schedule"
    assert what in fault.what


@pytest.mark.parametrize(
    ("schedule", "rpo", "kept"),
    [
        ("0 2 * * *", "24h", True),
        ("0 2 * * *", "23h", False),
        ("0 2 * * 1-5", "26h", False),  # Friday to Monday
        ("0 2 * * 1-5", "72h", True),
        ("@monthly", "30d", False),  # January has 31
        ("*/15 9-17 * * *", "1h", False),  # the night
    ],
)
def test_a_promise_that_the_schedule_cannot_keep_is_a_fault(file: pathlib.Path, schedule: str, rpo: str, kept: bool) -> None:
    file.write_text(changed("0 2 * * *", schedule).replace("rpo: 26h", f"rpo: {rpo}"))
    faults = load.find_faults(file)
    assert [fault.where for fault in faults] == ([] if kept else ["databases.shop.objectives.rpo"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    owner:", "    password: hunter2\n    owner:"),
        ("    owner:", "    api_key: hunter2\n    owner:"),
        ("https://hook.example/x", "https://user:hunter2@hook.example/x"),
        ("https://hook.example/x", "https://hook.example/x?token=hunter2"),
        ("connection: shop\n", "connection: mysql://user:hunter2@db.example/shop\n"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(file: pathlib.Path, old: str, new: str) -> None:
    fault = only_fault(file, changed(old, new))
    assert "secret" in fault.what
    assert "hunter2" not in str(fault)


def test_a_path_to_a_passphrase_is_no_secret(file: pathlib.Path) -> None:
    file.write_text(changed("  signer:", "  passphrase_file: /run/secrets/passphrase\n  signer:"))
    assert load.find_faults(file) == []


@pytest.mark.parametrize(
    ("line", "where", "hint"),
    [
        ("contacts: [oncal]", "pages.contacts[0]", "Did you mean 'oncall'?"),
        ("rules: [{contacts: [oncall, oncal]}]", "pages.rules[0].contacts[1]", "Did you mean 'oncall'?"),
        ("rules: [{databases: [shpo], contacts: [oncall]}]", "pages.rules[0].databases[0]", "Did you mean 'shop'?"),
        ("rules: [{owners: [shop-taem], contacts: [oncall]}]", "pages.rules[0].owners[0]", "Did you mean 'shop-team'?"),
        (
            "rules: [{contacts: [oncall], escalate: [{after: 5m, contacts: [bos]}]}]",
            "pages.rules[0].escalate[0].contacts[0]",
            "The pages.routes are hook, oncall.",
        ),
        ("escalate: [{after: 5m, contacts: [oncal]}]", "pages.escalate[0].contacts[0]", "Did you mean 'oncall'?"),
        ("digest: {contacts: [oncal]}", "pages.digest.contacts[0]", "Did you mean 'oncall'?"),
        ("digest: {contacts: [hook, oncall]}", "pages.digest.contacts[1]", "Send the digest by e-mail"),
        ("digest: {schedule: '0 8 * *', contacts: [hook]}", "pages.digest.schedule", "Write '0 2 * * *'"),
        ("test_page: {schedule: '61 8 * * 1'}", "pages.test_page.schedule", "Write '0 2 * * *'"),
    ],
)
def test_who_hears_of_pages_must_exist_and_the_moments_too(file: pathlib.Path, line: str, where: str, hint: str) -> None:
    fault = only_fault(file, changed("pages:\n", f"pages:\n  {line}\n"))
    assert fault.where == where
    assert fault.hint.startswith(hint)


def test_an_owner_may_be_written_with_blanks_around(file: pathlib.Path) -> None:
    file.write_text(changed("pages:\n", "pages:\n  rules: [{owners: [' shop-team '], contacts: [oncall]}]\n"))
    assert load.find_faults(file) == []


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("expendable: [scratch]", "databases.shop.expendable[0]"),
        ("schemas: [shop, scratch]\n    expendable: [other, scratch]", "databases.shop.expendable[1]"),
    ],
)
def test_expendable_schemas_that_are_backed_up_are_told(file: pathlib.Path, lines: str, where: str) -> None:
    fault = only_fault(file, changed("    sandbox: local\n", f"    sandbox: local\n    {lines}\n"))
    assert fault.where == where
    assert fault.what == "'scratch' is backed up all the same"
    file.write_text(changed("    sandbox: local\n", "    sandbox: local\n    schemas: [shop]\n    expendable: [scratch]\n"))
    assert load.find_faults(file) == []
