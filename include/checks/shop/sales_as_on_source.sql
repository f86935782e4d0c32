-- name: sales as on the source
-- protects: the year's accounts
-- expect: same as source
SELECT status, COUNT(*) AS orders, SUM(total_cents) AS cents, MAX(ordered_at) AS newest
FROM shop.orders
GROUP BY status;
