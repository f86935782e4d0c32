"""What is wanted of a dump, and nothing else, comes out of it, wherever the pieces are cut and whatever its texts look like."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.proven.agent import names
from include.proven.agent.errors import AgentError
from include.proven.agent.jobs import Wanted
from include.proven.agent.sections import Sections

HEADER = "-- MySQL dump 10.13\n--\n\n/*!40103 SET TIME_ZONE='+00:00' */;\n"
FOOTER = "/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n-- Dump completed on 2026-11-21\n"
TRAPS = (
    "\n-- Table structure for table `b`\n",
    "\n-- Current Database: `other`\n",
    "\n/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n",
    "\nUSE `other`;\n",
    "\nDELIMITER ;\n",
    *("'", "\\", "`", '"', ";\n", "/*", "*/", " ;;\n", "(", "\n", "#", "-- ", "x", " "),
)
TEXTS = st.lists(st.sampled_from(TRAPS), max_size=6).map("".join)
NAMES = TEXTS.map(lambda text: f"a{text}z")


def quote_text(text: str) -> str:
    for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return f"'{text}'"


def heading(words: str, name: str) -> str:
    return "--\n-- " + f"{words} {names.quote(name)}".replace("\n", "\n-- ") + "\n--\n\n"


def structure(table: str, column: str, comment: str) -> str:
    return (
        f"CREATE TABLE {names.quote(table)} (\n  {names.quote(column)} text COMMENT {quote_text(comment)}\n) ENGINE=InnoDB;\n\n"
    )


def rows(table: str, column: str, texts: list[str], *, a_line_each: bool) -> str:
    values = [f"(1,{quote_text(text)})" for text in texts] or ["(NULL,NULL)"]
    between, first = (",\n", "\n") if a_line_each else (",", " ")
    named = "" if a_line_each else f" (`id`, {names.quote(column)})"
    return f"INSERT INTO {names.quote(table)}{named} VALUES{first}{between.join(values)};\n"


def body(text: str) -> str:
    """Return a trigger as a dump has it: its strings and comments as they were typed."""
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    comment = text.replace("*/", "")
    begun = "DELIMITER ;;\n/*!50003 CREATE*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN\n"
    return f"{begun}/* {comment} */\nSET @a = '{quoted}';\nEND */;;\nDELIMITER ;\n"


@st.composite
def dumps(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """Draw what stands before the tables of a schema and the whole of each table."""
    by_line = draw(st.booleans())
    tables = {}
    for table in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        column = draw(NAMES)
        text = heading("Table structure for table", table) + f"DROP TABLE IF EXISTS {names.quote(table)};\n"
        text += structure(table, column, draw(TEXTS)) + heading("Dumping data for table", table)
        text += rows(table, column, draw(st.lists(TEXTS, max_size=3)), a_line_each=by_line) + "\n"
        tables[table] = text + body(draw(TEXTS)) + "\n"
    schema = draw(NAMES)
    return schema, tables


def cut_out(dump: str, wanted: list[Wanted], sizes: list[int]) -> str:
    """Feed a dump in pieces of these sizes, over and over."""
    out: list[bytes] = []
    sections, data, place, turn = Sections(wanted, out.append), dump.encode(), 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        sections.feed(memoryview(data)[place : place + size])
        place, turn = place + size, turn + 1
    sections.close()
    return b"".join(out).decode()


def without_drops(text: str, *tables: str) -> str:
    for table in tables:
        text = text.replace(f"DROP TABLE IF EXISTS {names.quote(table)};\n", "", 1)
    return text


def without_comments(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if line not in ("", "--"))


@settings(deadline=None, max_examples=50)
@given(dumps(), dumps(), st.lists(st.integers(1, 200), min_size=1, max_size=4), st.data())
def test_of_a_dump_exactly_the_wanted_table_comes_out(
    one: tuple[str, dict[str, str]], two: tuple[str, dict[str, str]], sizes: list[int], data: st.DataObject
) -> None:
    (schema, tables), (other, others) = one, (f"{two[0]}2", two[1])
    begun = {
        name: heading("Current Database:", name)
        + f"CREATE DATABASE /*!32312 IF NOT EXISTS*/ {names.quote(name)};\n\nUSE {names.quote(name)};\n\n"
        for name in (schema, other)
    }
    dump = HEADER + begun[schema] + "".join(tables.values()) + begun[other] + "".join(others.values()) + FOOTER
    table = data.draw(st.sampled_from(sorted(tables)))
    found = cut_out(dump, [Wanted(schema=schema, tables=[table], into=schema)], sizes)
    wanted = HEADER + begun[schema] + without_drops(tables[table], table) + FOOTER
    assert without_comments(found) == without_comments(wanted)
    whole = cut_out(dump, [Wanted(schema=other, tables=[], into=other)], sizes)
    told = HEADER + begun[other] + "".join(without_drops(text, name) for name, text in others.items()) + FOOTER
    assert without_comments(whole) == without_comments(told)


BESIDE = """{header}--
-- Current Database: `shop`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;

USE `shop`;

--
-- Table structure for table `orders`
--

CREATE TABLE `orders` (
  `id` int COMMENT 'of `shop`.`orders`'
) ENGINE=InnoDB;
INSERT INTO `orders` VALUES ('`shop`.');
ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50003 TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET @a = {what} */;;
DELIMITER ;
{footer}"""


def test_a_schema_under_another_name_is_named_so_wherever_it_is_named() -> None:
    dump = BESIDE.format(header=HEADER, footer=FOOTER, what="1")
    found = cut_out(dump, [Wanted(schema="shop", tables=["orders"], into="be`side")], [7])
    assert found.count("`be``side`") == 3
    assert found.count("`shop`") == 3  # the heading, the comment of the column, and the value of the row


@pytest.mark.parametrize("what", ["shop.tax(1)", "`shop` . `tax`(1)", "'SELECT 1 FROM Shop.orders'"])
def test_a_program_that_names_its_schema_is_refused_under_another_name(what: str) -> None:
    with pytest.raises(AgentError, match="names its schema"):
        cut_out(BESIDE.format(header=HEADER, footer=FOOTER, what=what), [Wanted(schema="shop", tables=[], into="beside")], [9])


TRIGGERS = """{header}--
-- Current Database: `shop`
--

USE `shop`;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER {begun} FOR EACH ROW SET @a = 1 */;;
DELIMITER ;
{footer}"""
ON_ORDERS = (
    "`t` BEFORE INSERT ON `orders`",
    "\n t # ON customers\n AFTER /* ON customers */ UPDATE\nON shop . Orders",
    "IF NOT EXISTS `on`.`before` BEFORE INSERT OR DELETE ON/**/`shop`.`orders`",
    '"t" BEFORE DELETE ON "orders"',
)


@pytest.mark.parametrize("begun", ON_ORDERS)
def test_triggers_by_themselves_are_told_apart_by_their_table(begun: str) -> None:
    dump = TRIGGERS.format(header=HEADER, footer=FOOTER, begun=begun)
    assert "TRIGGER" in cut_out(dump, [Wanted(schema="shop", tables=["orders"], into="shop")], [11])
    assert "TRIGGER" not in cut_out(dump, [Wanted(schema="shop", tables=["customers"], into="shop")], [11])
    assert "TRIGGER" in cut_out(dump, [Wanted(schema="shop", tables=[], into="shop")], [11])
    unknown = dump.replace("TRIGGER", "PROCEDURE")
    with pytest.raises(AgentError, match="can't be told"):
        cut_out(unknown, [Wanted(schema="shop", tables=["orders"], into="shop")], [11])
