-- name: nothing points into the void
-- protects: every join; a load without foreign key checks lets it through
SELECT (SELECT COUNT(*) FROM shop.order_items AS i LEFT JOIN shop.products AS p ON p.id = i.product_id WHERE p.id IS NULL) = 0
         AS items_have_products,
       (SELECT COUNT(*) FROM shop.orders AS o LEFT JOIN shop.customers AS c ON c.id = o.customer_id WHERE c.id IS NULL) = 0
         AS orders_have_customers,
       (SELECT COUNT(*) FROM shop.payments AS p LEFT JOIN shop.orders AS o ON o.id = p.order_id WHERE o.id IS NULL) = 0
         AS payments_have_orders;
