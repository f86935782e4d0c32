"""Values at the edges of every type, column by column, as SQL. Each list is one column of the table `edges`, top to bottom."""

from __future__ import annotations

ALL_BYTES = f"X'{bytes(range(256)).hex()}'"

COLUMNS: dict[str, list[str]] = {
    "tiny": ["-128", "127", "0", "1"],
    "medium": ["0", "16777215", "0", "1"],
    "big": ["-9223372036854775808", "9223372036854775807", "0", "1"],
    "huge": ["0", "18446744073709551615", "0", "1"],
    "padded": ["0", "4294967295", "0", "42"],
    "exact_number": [f"-{'9' * 35}.{'9' * 30}", f"{'9' * 35}.{'9' * 30}", "0", f"1.{'0' * 29}1"],
    "inexact": ["-1.7976931348623157e308", "1.7976931348623157e308", "-0e0", "0.1"],
    "single": ["-3.40282e38", "3.40282e38", "0", "0.1"],
    "bits": ["b'0'", f"b'{'1' * 64}'", "b'0'", "b'101'"],
    "day": ["'1000-01-01'", "'9999-12-31'", "'0000-00-00'", "'2020-02-00'"],
    "moment": [
        "'1000-01-01 00:00:00.000000'",
        "'9999-12-31 23:59:59.999999'",
        "'0000-00-00 00:00:00'",
        "'2020-00-00 12:00:00'",
    ],
    "instant": ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999999'", "'0000-00-00 00:00:00'", "'2001-09-09 01:46:40.5'"],
    "span": ["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:00.000001'"],
    "year_only": ["1901", "2155", "0", "1970"],
    "bytes_fixed": ["X'00'", "X'ffffffffffffffff'", "X'0000000000000000'", "X'0d0a5c27221a0009'"],
    "bytes_varying": ["X''", ALL_BYTES, "X'00'", "X'4e554c4c'"],
    "text_utf16": ["''", "'🦊𝄞é'", "' '", "'NULL'"],
    "text_utf8mb3": ["''", "'ÄÖ€'", r"'\0'", "'5,hello'"],
    "text_latin1": ["''", "X'c4d6dce4f6fcdf80a4ff'", "'N'", "'1,N'"],
    # the second byte of some letters in Shift JIS is a backslash
    "text_sjis": ["''", "X'955c8361815c'", "' x '", r"'\\N'"],
    "text_fixed": ["''", "'0123456789'", "'NULL'", r"'a\tb\nc'"],
    "document": ["'{}'", r"""'{"a": [1, null, true, 1.5, "\\"\\\\"], "ü": {}}'""", "'null'", r"""'"text; -- \\u0000"'"""],
    "shape": [
        "ST_GeomFromText('POINT(0 0)')",
        "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')",
        "ST_GeomFromText('POINT(-0.1 1e-300)')",
        "ST_GeomFromText('POLYGON((0 0,0 1,1 1,1 0,0 0))')",
    ],
}

OWN_COLUMNS: dict[str, dict[str, list[str]]] = {
    "mariadb": {
        "network": ["'::'", "'2001:db8::ff'", "'::ffff:10.0.0.1'", "'fe80::1'"],
        "unique_id": [f"'00000000-0000-0000-0000-00000000000{last}'" for last in "0123"],
    },
    "mysql": {
        "embedding": ["X'0000803f0000004000004040'", "X'ffff7f7fffff7fff00000080'", "X'000000000000000000000000'", "NULL"],
    },
}
"""Types of one flavour."""


def edges(flavour: str) -> tuple[str, list[str]]:
    """Return the table with the names of its columns, and its rows: the last is NULL throughout."""
    columns = COLUMNS | OWN_COLUMNS[flavour]
    names = ",".join(["id", *columns])
    rows = [",".join([str(number), *values]) for number, values in enumerate(zip(*columns.values(), strict=True), start=1)]
    nothing = ",".join(["5", *["NULL"] * len(columns)])
    return f"edges ({names})", [f"({row})" for row in [*rows, nothing]]
