-- Who may do what in the shop: on everything, on a schema, a table, columns, a view, a routine, and through roles.
GRANT PROCESS, RELOAD ON *.* TO 'shop_admin'@'localhost';
GRANT ALL PRIVILEGES ON shop.* TO 'shop_admin'@'localhost' WITH GRANT OPTION;
GRANT SELECT ON `shop-archive`.* TO shop_manager;
GRANT SELECT (id, name), UPDATE (nickname) ON shop.customers TO shop_clerk;
GRANT SELECT, DELETE ON shop.`odd name, with; spaces` TO shop_clerk;
GRANT SELECT ON shop.revenue TO 'shop_report'@'10.%';
GRANT SELECT ON shop.`NULL` TO 'shop_report'@'10.%';
GRANT EXECUTE ON PROCEDURE shop.restock TO shop_clerk;
GRANT EXECUTE ON FUNCTION shop.tax_of TO 'shop_report'@'10.%' WITH GRANT OPTION;
GRANT shop_clerk TO shop_manager;
GRANT shop_manager TO 'shop_admin'@'localhost' WITH ADMIN OPTION;
GRANT shop_clerk TO 'shop_report'@'10.%';
SET DEFAULT ROLE shop_clerk FOR 'shop_report'@'10.%'; -- only mariadb
SET DEFAULT ROLE shop_clerk TO 'shop_report'@'10.%'; -- only mysql
GRANT SELECT ON shop.categories TO PUBLIC; -- only mariadb
