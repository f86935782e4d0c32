-- name: the shop's accounts are there
-- protects: the first login after a disaster
SELECT SUM(User = 'shop_admin' AND Host = 'localhost') AS admin,
       SUM(User = 'shop_app' AND Host = '%') AS application
FROM mysql.user;
