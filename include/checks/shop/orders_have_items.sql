-- name: every order has items
-- protects: picking and invoices
SELECT COUNT(*) AS orders,
       SUM(NOT EXISTS (SELECT 1 FROM shop.order_items AS i WHERE i.order_id = o.id)) = 0 AS all_have_items
FROM shop.orders AS o;
