-- name: an average order costs what it did
-- protects: nothing by itself; prices in the wrong unit would show here
-- severity: warning
-- time limit: 1m
-- expect: scalar between 1000 and 1000000
SELECT AVG(total_cents) AS cents FROM shop.orders;
