-- name: the newest order is not from the future
-- protects: everything that goes by date; a shifted time zone shows here first
SELECT MAX(ordered_at) AS newest,
       MAX(ordered_at) <= UTC_TIMESTAMP() + INTERVAL 1 DAY AS not_in_the_future,
       MIN(ordered_at) > '2000-01-01' AS no_zero_dates
FROM shop.orders;
