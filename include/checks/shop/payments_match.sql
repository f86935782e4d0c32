-- name: payments match what was ordered
-- protects: the books
SELECT COUNT(*) AS payments,
       SUM(p.amount_cents <> o.total_cents) = 0 AS equal_to_order_totals,
       SUM(o.total_cents) = (
         SELECT SUM(i.line_cents) FROM shop.order_items AS i JOIN shop.payments AS q ON q.order_id = i.order_id
       ) AS equal_to_items
FROM shop.payments AS p
JOIN shop.orders AS o ON o.id = p.order_id;
