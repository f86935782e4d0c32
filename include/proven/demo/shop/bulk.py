"""The shop's large tables: customers, their orders, and what hangs on them. Written in chunks, in the order of their ids."""

from __future__ import annotations

import dataclasses
import datetime
import random
from collections.abc import Iterator

from include.proven.demo.shop.rows import EMOJI, NAMES, WORDS, price_of, text

Chunk = tuple[str, list[str]]

BYTES_PER_ORDER = 740
"""SQL that one order brings with it, on average."""
BYTES_AROUND = 1_200_000
"""SQL of the small tables."""
ORDERS_PER_CUSTOMER = 5
CHUNK = 4000

FIRST_DAY = datetime.date(2023, 6, 1)
DAYS = 800
DATES = [(FIRST_DAY + datetime.timedelta(days=day)).isoformat() for day in range(DAYS + 40)]

STATUSES = ("open", "paid", "paid", "shipped", "shipped", "shipped", "shipped", "returned")
METHODS = ("card", "transfer", "invoice")
CARRIERS = ("DHL", "UPS", "Ångström Post", "鳥急便")
CITIES = ("Köln", "Kraków", "São Paulo", "Αθήνα", "Reykjavík", "東京", "St. John's", "Ürümqi")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "curl/8.15.0",
    "Lynx/2.9.2",
    "Mobile Safari/605.1.15",
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is written."""

    orders: int
    customers: int
    products: int = 2000

    @classmethod
    def of_size(cls, megabytes: int) -> Plan:
        """Return the plan of a shop that takes about so many megabytes of SQL."""
        orders = max(200, (megabytes * 1_000_000 - BYTES_AROUND) // BYTES_PER_ORDER)
        return cls(orders=orders, customers=orders // ORDERS_PER_CUSTOMER)


def large_tables(plan: Plan, generator: random.Random) -> Iterator[Chunk]:
    """Yield table and rows, a chunk at a time."""
    for first in range(1, plan.customers + 1, CHUNK):
        yield from _customers(generator, range(first, min(first + CHUNK, plan.customers + 1)))
    for first in range(1, plan.orders + 1, CHUNK):
        yield from _orders(generator, plan, range(first, min(first + CHUNK, plan.orders + 1)))


def _customers(generator: random.Random, numbers: range) -> Iterator[Chunk]:
    customers, addresses = [], []
    for number in numbers:
        word = WORDS[number % len(WORDS)]
        email = f"'{word}.{number:x}@example.com'"
        name = text(f"{NAMES[number % len(NAMES)]} {WORDS[number * 7 % len(WORDS)].title()}")
        nickname = text(EMOJI[number % len(EMOJI)] + word if number % 3 else None)
        birthday = f"'{1940 + number % 65}-{1 + number % 12:02}-{1 + number % 28:02}'" if number % 4 else "'0000-00-00'"
        newsletter = "NULL" if number % 7 == 0 else number % 2
        created = f"'{DATES[number % DAYS]} {number % 24:02}:30:15.{number % 1000000:06}'"
        changed = "NULL" if number % 5 else "'2025-03-30 02:30:00'"
        customers.append(
            f"({number},X'{generator.getrandbits(128):032x}',{email},{name},{nickname},{birthday},{number % 4096},{newsletter},"
            f"X'{generator.getrandbits(256):064x}',{created},{changed})"
        )
        street = text(f"{WORDS[number * 3 % len(WORDS)].title()} street {number % 300}")
        place = f"ST_GeomFromText('POINT({generator.random() * 80:.6f} {generator.random() * 170:.6f})')"
        addresses.append(f"({number},{number},{street},{text(CITIES[number % len(CITIES)])},{place})")
    columns = "id,public_id,email,name,nickname,birthday,flags,newsletter,password_hash,created_at,changed_at"
    yield f"customers ({columns})", customers
    yield "addresses", addresses


def _orders(generator: random.Random, plan: Plan, numbers: range) -> Iterator[Chunk]:
    orders, items, payments, shipments = [], [], [], []
    chance = generator.random
    for number in numbers:
        day = number * DAYS // (plan.orders + 1)
        customer = 1 + int(chance() * plan.customers)
        status = STATUSES[number % len(STATUSES)]
        total = 0
        for position in range(1, 2 + int(chance() * 4)):
            product = 1 + int(chance() * chance() * plan.products)
            quantity = 1 + int(chance() * 3)
            total += quantity * price_of(product)
            serial = f"'{generator.getrandbits(64):016x}'" if product % 3 else "NULL"
            items.append(f"({number},{position},{product},{quantity},{price_of(product)},{serial})")
        moment = f"{DATES[day]} {int(chance() * 24):02}:{int(chance() * 60):02}:{number % 60:02}.{int(chance() * 1e6):06}"
        remark = (
            text(f"please ring at {WORDS[number % len(WORDS)]} {EMOJI[number % len(EMOJI)]}") if number % 6 == 0 else "NULL"
        )
        orders.append(f"({number},{customer},'{status}','{moment}',{total},'{generator.getrandbits(128):032x}',{remark})")
        if status != "open":
            payments.append(_payment(generator, number, total))
        if status in ("shipped", "returned"):
            arrived = f"{DATES[day + 3]} 12:{number % 60:02}:00" if number % 5 else "0000-00-00 00:00:00"
            shipments.append(f"({number},{text(CARRIERS[number % len(CARRIERS)])},'{DATES[day + 1]}','{arrived}')")
    yield "orders", orders
    yield "order_items (order_id,position,product_id,quantity,unit_cents,serial)", items
    yield "payments (order_id,amount_cents,method,reference,provider)", payments
    yield "shipments", shipments
    yield from _around(generator, plan, numbers)


def _payment(generator: random.Random, order: int, total: int) -> str:
    token = generator.getrandbits(224)
    provider = (
        f'{{"id": "ch_{token & (1 << 64) - 1:016x}", "risk": {order % 100 / 100}, "3ds": {"true" if order % 2 else "false"}}}'
    )
    return f"({order},{total},'{METHODS[order % 3]}',X'{token >> 64:040x}','{provider}')"


def _around(generator: random.Random, plan: Plan, numbers: range) -> Iterator[Chunk]:
    """Yield what happens around the orders: page views (some twice, exactly alike), sessions, reviews, the audit log."""
    views, sessions, reviews, audit = [], [], [], []
    chance = generator.random
    for number in numbers:
        for agent in AGENTS[: 1 + number % 3]:
            path = f"/p/{WORDS[number % len(WORDS)]}/{1 + int(chance() * plan.products)}?ref={generator.getrandbits(48):012x}"
            view = f"('{path}',{number % plan.customers + 1 if number % 2 else 'NULL'},'{agent}',{int(chance() * 3000)})"
            views.extend([view] * (2 if number % 10 == 0 else 1))
        if number % 4 == 0:
            sessions.append(_session(generator, plan, number))
        if number % 6 == 0:
            body = " ".join(generator.choices(WORDS, k=8 + number % 50)) + " " + EMOJI[number % len(EMOJI)]
            reviews.append(f"({1 + number % plan.products},{number % plan.customers + 1},{1 + number % 5},{text(body)})")
        if number % 3 == 0:
            change = f'{{"from": {int(chance() * 1e6)}, "to": {int(chance() * 1e6)}}}' if number % 2 else None
            audit.append(f"('{DATES[number * DAYS // (plan.orders + 1)]}','order {number} changed',{text(change)})")
    yield "page_views", views
    yield "sessions", sessions
    yield "reviews (product_id,customer_id,stars,body)", reviews
    yield "audit_log (happened_on,what,before_after)", audit


def _session(generator: random.Random, plan: Plan, number: int) -> str:
    payload = f"X'{generator.getrandbits(1200):0300x}'" if number % 3 else "NULL"
    address = f"X'{generator.getrandbits(128):032x}'" if number % 3 else f"X'{generator.getrandbits(32):08x}'"
    identifier = f"X'{number:08x}{generator.getrandbits(128):032x}'"
    return f"({identifier},{number % plan.customers + 1},{address},{payload},'2026-01-01 00:00:00')"
