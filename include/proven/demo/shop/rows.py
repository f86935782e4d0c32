"""The shop's small tables: few rows, with everything in them that has ever been lost on the way."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from include.proven.demo.shop.edges import edges

Rows = tuple[str, list[str]]

WORDS = [
    "oak", "teapot", "lantern", "carbon", "velvet", "river", "quartz", "maple", "copper", "silent", "amber", "falcon", "cedar",
    "linen", "harbor", "willow", "ember", "saddle", "prairie", "cobalt", "thistle", "walnut", "meadow", "granite", "juniper",
    "canvas", "otter", "basil", "pebble", "marble", "fern", "raven", "clover", "saffron", "birch", "cinder", "delta",
]  # fmt: skip
NAMES = [
    "Zoë", "Łukasz", "Søren", "Anaïs", "محمد", "李雷", "ひろし", "Ольга", "O'Neill", "Ñandú", "Jürgen",
    "Bobby \\; DROP", "Ἑλένη", "🦊 Fox",
]  # fmt: skip
EMOJI = ["😀", "🛒", "👩‍👩‍👧", "🇩🇪", "💶", "❤️"]


def text(value: str | None) -> str:
    """Return a value as an SQL string, or NULL."""
    return "NULL" if value is None else "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def raw(value: bytes) -> str:
    """Return bytes as an SQL literal."""
    return f"X'{value.hex()}'"


def small_tables(flavour: str, generator: random.Random, products: int) -> Iterator[Rows]:
    """Yield table and rows of everything but the bulk."""
    yield (
        "categories",
        [
            f"({number},{number // 4 or 'NULL'},{text(WORDS[number % len(WORDS)])},{number % 100 - 50})"
            for number in range(1, 41)
        ],
    )
    yield (
        "products (id,category_id,sku,name,price_cents,tax_rate,status,marks,attributes,weight_kg,rating,purchase_cents)",
        [product(generator, number) for number in range(1, products + 1)],
    )
    yield "warehouses", warehouses()
    yield (
        "inventory",
        [
            f"({warehouse},{number},{generator.randrange(500)},'2025-0{1 + number % 9}-11 08:15:30.{number % 1000:03}')"
            for warehouse in (1, 2, 3)
            for number in range(1, products + 1, warehouse)
        ],
    )
    yield "coupons", coupons(generator)
    yield "files", files(generator)
    yield (
        "search_terms",
        [f"({text(f'{first} {second}')},{generator.randrange(10000)})" for first in WORDS[:12] for second in WORDS[12:24]],
    )
    yield edges(flavour)
    yield from odd_names()
    yield "`shop-archive`.customers_1998", archive()
    if flavour == "mariadb":
        yield (
            "visits",
            [f"('2025-{month:02}-{day:02}',{generator.randrange(9000)})" for month in range(1, 7) for day in range(1, 29)],
        )
        yield "invoices (note)", [f"('order {number}')" for number in range(1, 61)]
        yield "price_history", [f"({number},{100 + number})" for number in range(1, 51)]


def price_of(number: int) -> int:
    """Return the price in cents of a product."""
    return 99 + number * 7919 % 90000


def product(generator: random.Random, number: int) -> str:
    """Return the row of a product."""
    attributes = {
        "colour": generator.choice(WORDS),
        "size": [number % 7, number % 11],
        "note": generator.choice(EMOJI),
        "deep": {"π": 3.14159},
    }
    suffix = generator.choice(["", " ½", " Größe L", " “deluxe”"])
    values = [
        number,
        1 + number % 40,
        f"'SKU{number:09}'",
        text(f"{generator.choice(WORDS).title()} {generator.choice(WORDS)}{suffix}"),
        price_of(number),
        generator.choice(["0.190", "0.070", "0.000"]),
        text(generator.choice(["draft", "on sale", "sold out", "don't sell"])),
        text(generator.choice(["", "new", "new,fragile", "cold chain,18+"])),
        text(json.dumps(attributes, ensure_ascii=False) if number % 9 else None),
        repr(generator.random() * 40),
        generator.randrange(10, 50) / 10,
        price_of(number) // 2 if number % 5 else "NULL",
    ]
    return f"({','.join(map(str, values))})"


def warehouses() -> list[str]:
    """Return rows with geometry of several kinds, one without."""
    area = (
        "ST_GeomFromText('POLYGON((48 11,48 12,49 12,49 11,48 11),(48.2 11.2,48.2 11.4,48.4 11.4,48.4 11.2,48.2 11.2))', 4326)"
    )
    gates = "ST_GeomFromText('MULTIPOINT(1.5 2.25,-3.125 4)')"
    line = "ST_GeomFromText('LINESTRING(0 0,1e-9 1e9,0.1 -0.1)')"
    return [
        f"(1,'north',{area},{gates},'00:00:00',1999)",
        f"(2,'south',{line},NULL,'23:59:59',2155)",
        "(3,'none',NULL,NULL,'06:30:00',0)",
    ]


def coupons(generator: random.Random) -> list[str]:
    """Return rows with bytes of every value in their keys, and zero dates."""
    dates = ["'0000-00-00'", "'2026-12-31'", "NULL", "'2024-02-29'"]
    keys = [bytes([number]) + generator.randbytes(number % 20) for number in range(256)]
    return [
        f"({raw(key)},{number % 101}.25,{dates[number % 4]},{text('terms; ' * (number % 30))})"
        for number, key in enumerate(keys)
    ]


def files(generator: random.Random) -> list[str]:
    """Return files: none, an empty one, every byte, one larger than a network packet of 64 KiB, one larger than a page."""
    contents = [None, b"", bytes(range(256)) * 3, generator.randbytes(300_000), b"\0" * 20_000 + b"\r\n\\'\"\x1a"]
    return [
        f"({number},'file {number}',{'NULL' if content is None else raw(content)})" for number, content in enumerate(contents)
    ]


def odd_names() -> Iterator[Rows]:
    """Yield tables and columns with names that must be quoted."""
    for table in ("`order`", "`odd name, with; spaces`", "`back``tick`", "`größe_尺寸`", "`NULL`"):
        yield table, ["(1,'a')", "(2,NULL)", "(3,'')", "(4,'NULL')"]


def archive() -> list[str]:
    """Return rows of bytes that are letters in latin1 only, and of `é` that was once encoded twice."""
    names = [b"M\xfcller", b"\x80uro \x93quoted\x94", b"Ren\xe9e", b"Ren\xc3\xa9", b"\xff\xfe\xe4\xdf", b"plain"]
    return [
        f"({number},{raw(name)},{raw(bytes([number % 256]) + b' ' + name)},{raw(bytes(range(128, 256)))})"
        for number, name in enumerate(names * 50)
    ]
