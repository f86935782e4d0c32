-- Accounts and roles of the shop. Nobody knows their passwords: the hashes are made up.
DROP USER IF EXISTS 'shop_app'@'%', 'shop_report'@'10.%', 'shop_admin'@'localhost', 'o''neill & sons'@'192.168.0.0/255.255.0.0';
DROP ROLE IF EXISTS shop_clerk, shop_manager;

CREATE USER 'shop_app'@'%' IDENTIFIED BY PASSWORD '*3B5A6C1D0E9F8A7B6C5D4E3F2A1B0C9D8E7F6A5B'; -- only mariadb
CREATE USER 'shop_report'@'10.%' IDENTIFIED BY PASSWORD '*0123456789ABCDEF0123456789ABCDEF01234567' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 500; -- only mariadb
CREATE USER 'shop_admin'@'localhost' IDENTIFIED VIA unix_socket OR mysql_native_password USING '*89ABCDEF0123456789ABCDEF0123456789ABCDEF'; -- only mariadb
CREATE USER 'o''neill & sons'@'192.168.0.0/255.255.0.0' ACCOUNT LOCK; -- only mariadb
CREATE USER 'shop_app'@'%' IDENTIFIED WITH caching_sha2_password AS '$A$005$0123456789abcdefghijABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq'; -- only mysql
CREATE USER 'shop_report'@'10.%' IDENTIFIED WITH caching_sha2_password AS '$A$005$ABCDEFGHIJKLMNOPQRST0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 500; -- only mysql
CREATE USER 'shop_admin'@'localhost' IDENTIFIED WITH caching_sha2_password AS '$A$005$abcdefghijklmnopqrst0123456789abcdefghijklmnopqrstuvwxyzABCDEFG' ATTRIBUTE '{"team": "shop"}'; -- only mysql
CREATE USER 'o''neill & sons'@'192.168.0.0/255.255.0.0' ACCOUNT LOCK; -- only mysql
CREATE ROLE shop_clerk, shop_manager;
-- as the definer of views it must have its rights before they are made
GRANT SELECT, INSERT, UPDATE ON shop.* TO 'shop_app'@'%';
