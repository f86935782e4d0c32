-- name: reports open
-- protects: the morning report; a view whose definer was lost fails here
SELECT COUNT(*) AS categories_sold, MIN(cents) > 0 AS all_with_revenue FROM shop.top_categories;
