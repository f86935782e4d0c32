"""What of a dump's definitions waits for the rows: keys of tables that are understood to their last line, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.proven.agent import names
from include.proven.agent.deferring import Definitions

HEADER = b"""/*M!999999\\- enable the sandbox mode */
-- Host: it's    Database: shop
/*!40101 SET NAMES utf8mb4 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
"""
USE = b"\n--\n-- Current Database: `shop`\n--\n\nUSE `shop`;\n"
OPTIONS = ") ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COMMENT='KEY `a` (`b`);,\\nx'"
COLUMNS = [
    "`id` int NOT NULL AUTO_INCREMENT",
    "`a` int DEFAULT NULL COMMENT 'it''s `odd`\\\\, AUTO_INCREMENT'",
    "PRIMARY KEY (`id`)",
]
KEYS = [
    "UNIQUE KEY `u` (`a`)",
    "UNIQUE KEY `id` (`id`,`a`) USING BTREE",
    "KEY `prefix` (`a`(10) DESC,`id`)",
    "KEY `seen` (`a`) COMMENT 'it''s (a) \\\\ \"comment\"\\n, KEY `x` (`y`)'",
    "KEY `unseen` (`a`) /*!80000 INVISIBLE */",
]
FOREIGN = [
    "CONSTRAINT `f1` FOREIGN KEY (`a`) REFERENCES `parent` (`id`) ON DELETE SET NULL ON UPDATE CASCADE",
    "CONSTRAINT `f2` FOREIGN KEY (`a`,`id`) REFERENCES `other`.`parent` (`a`,`id`)",
]
CHECKS = ["CONSTRAINT `c` CHECK ((`a` > 1)) /*!80016 NOT ENFORCED */"]

BODY = b"""
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` PROCEDURE `p`()
BEGIN
SELECT 1; -- it's ; odd
CREATE TABLE `orders` (
  `id` int,
  PRIMARY KEY (`id`),
  KEY `k` (`id`)
) ENGINE=InnoDB;
SELECT 'DELIMITER ;
';
END ;;
DELIMITER ;
"""


def table(name: str, lines: Iterable[str], options: str = OPTIONS) -> bytes:
    body = ",\n".join(f"  {line}" for line in lines)
    text = f"\nDROP TABLE IF EXISTS {names.quote(name)};\nCREATE TABLE {names.quote(name)} (\n{body}\n{options};\n"
    return text.encode("utf-8", "surrogateescape")


def defer(text: bytes, large: Iterable[str], cuts: Iterable[int] = ()) -> tuple[bytes, Definitions]:
    """Have the text flow by in pieces; return what did not wait, and what did."""
    found, out = Definitions(set(large)), b""
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in itertools.pairwise(places):
        out += found.feed(memoryview(text)[start:end])
    return out + found.close(), found


@settings(max_examples=40, deadline=None)
@given(st.binary(), st.lists(st.integers(0, 10_000)))
def test_a_text_in_which_nothing_waits_passes_as_it_is(middle: bytes, cuts: list[int]) -> None:
    text = HEADER + USE + table("orders", [*COLUMNS, *KEYS]) + middle + BODY + table("notes", [*COLUMNS, *FOREIGN])
    out, found = defer(text, [], cuts)
    assert out == text
    assert (found.deferred, found.views) == ([], b"")


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
        lambda name: name.casefold() != "notes"
    ),
    keys=st.lists(st.sampled_from(KEYS), unique=True),
    foreign=st.lists(st.sampled_from(FOREIGN), unique=True),
    cuts=st.lists(st.integers(0, 10_000)),
)
def test_keys_and_foreign_keys_of_a_large_table_wait(name: str, keys: list[str], foreign: list[str], cuts: list[int]) -> None:
    around, behind = HEADER + USE + BODY, table("notes", [*COLUMNS, *KEYS]) + BODY
    out, found = defer(
        around + table(name, [*COLUMNS, *keys, *foreign, *CHECKS]) + behind, [f"shop.{names.display(name)}"], cuts
    )
    assert out == around + table(name, [*COLUMNS, *CHECKS]) + behind
    assert found.header == HEADER.rstrip()
    waiting = [(one.name, one.keys, one.foreign_keys) for one in found.deferred]
    expected = (f"shop.{names.display(name)}", [key.encode() for key in keys], [key.encode() for key in foreign])
    assert waiting == ([expected] if keys or foreign else [])
    if keys:
        quoted = names.quote(name).encode()
        added = b",\n  ADD ".join(key.encode() for key in keys)
        assert (
            found.deferred[0].add(found.deferred[0].keys).endswith(b"USE `shop`;\nALTER TABLE %b ADD %b;\n" % (quoted, added))
        )


@pytest.mark.parametrize(
    ("lines", "options"),
    [
        ([COLUMNS[1], "UNIQUE KEY `u` (`a`)"], OPTIONS),
        (["`id` int NOT NULL", "`b` int NOT NULL AUTO_INCREMENT", "PRIMARY KEY (`id`)", "KEY `b` (`b`)"], OPTIONS),
        ([*COLUMNS, "KEY `k` (`a`)", "FULLTEXT KEY `f` (`t`)"], OPTIONS),
        ([*COLUMNS, "KEY `k` (`a`)", "SPATIAL KEY `f` (`t`)"], OPTIONS),
        ([*COLUMNS, "KEY `k` (`a`)", "VECTOR KEY `f` (`t`)"], OPTIONS),
        ([*COLUMNS, "KEY `k` (`a`)", "KEY `f` (((`a` * 2)))"], OPTIONS),
        ([*COLUMNS, "KEY `k` (`a`)", "UNIQUE KEY `f` (`t`) USING HASH"], OPTIONS),
        ([*COLUMNS, "KEY `k` (`a`) KEY_BLOCK_SIZE=4"], OPTIONS),
        ([*COLUMNS, "KEY `k` (`a`)", "PERIOD FOR SYSTEM_TIME (`a`, `b`)"], OPTIONS),
        ([*COLUMNS, "KEY `k` (`a`)"], OPTIONS + " WITH SYSTEM VERSIONING"),
        ([*COLUMNS, "KEY `k` (`a`)"], OPTIONS + " SECONDARY_ENGINE=rapid"),
        ([*COLUMNS, "KEY `k` (`a`)"], ") ENGINE=Aria DEFAULT CHARSET=utf8mb4"),
        ([*COLUMNS, "KEY `k` (`a`)"], ") ENGINE=InnoDBX DEFAULT CHARSET=utf8mb4"),
    ],
)
def test_a_table_with_anything_odd_stays_whole(lines: list[str], options: str) -> None:
    text = HEADER + USE + table("orders", lines, options)
    assert defer(text, ["shop.orders"])[0] == text


def test_a_foreign_key_waits_for_the_index_of_a_large_parent_whatever_its_own_table_is() -> None:
    parts = [*COLUMNS, "FULLTEXT KEY `f` (`t`)"]
    out, found = defer(HEADER + USE + table("notes", [*parts, *FOREIGN]), ["other.parent"])
    assert out == HEADER + USE + table("notes", parts)
    assert [(one.keys, one.foreign_keys) for one in found.deferred] == [([], [key.encode() for key in FOREIGN])]


def test_views_wait_for_the_indexes_that_they_may_name() -> None:
    tables = HEADER + USE + table("orders", [*COLUMNS, *KEYS]) + BODY + b"\nUSE `shop`;\n"
    views = b"""
--
-- Final view structure for view `seen`
--

/*!50001 DROP VIEW IF EXISTS `seen`*/;
/*!50001 VIEW `seen` AS select `orders`.`id` AS `id` from `orders` USE INDEX (`prefix`) */;
-- Dump completed on a day
"""
    out, found = defer(tables + views, ["shop.orders"])
    assert out == HEADER + USE + table("orders", COLUMNS) + BODY + b"\nUSE `shop`;"
    assert found.views == b"USE `shop`;\n\n" + views
    assert defer(tables + views, [])[0] == tables + views


def test_a_body_without_backslash_escapes_ends_where_it_ends() -> None:
    mode = b"/*!50003 SET sql_mode              = 'NO_BACKSLASH_ESCAPES' */ ;\n"
    body = b"DELIMITER ;;\nCREATE PROCEDURE `q`() SELECT 'a\\' ;;\nDELIMITER ;\n"
    text = HEADER + USE + mode + body + b"/*!50003 SET sql_mode              = @saved_sql_mode */ ;\n"
    out, found = defer(text + table("orders", [*COLUMNS, *KEYS]), ["shop.orders"])
    assert out == text + table("orders", COLUMNS)
    assert len(found.deferred) == 1
