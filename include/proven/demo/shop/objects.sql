-- Views, routines, triggers and events of the shop: after the data, so that no trigger fires while it is loaded.
USE shop;
SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';

CREATE VIEW open_orders AS SELECT o.id, o.total_cents, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = 'open';
CREATE DEFINER = 'shop_app'@'%' SQL SECURITY DEFINER VIEW revenue AS
  SELECT p.category_id, SUM(i.line_cents) AS cents FROM order_items i JOIN products p ON p.id = i.product_id GROUP BY p.category_id;
CREATE DEFINER = 'shop_app'@'%' SQL SECURITY DEFINER VIEW top_categories AS
  SELECT c.name AS `the category`, r.cents FROM revenue r JOIN categories c ON c.id = r.category_id WHERE r.cents > 0;
CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW `cheap products` AS
  SELECT id, name, price_cents FROM products WHERE price_cents < 1000 WITH CASCADED CHECK OPTION;
CREATE VIEW `shop-archive`.everybody AS
  SELECT name FROM shop.customers UNION ALL SELECT CONVERT(name USING utf8mb4) COLLATE utf8mb4_unicode_ci FROM `shop-archive`.customers_1998;

DELIMITER ;;
CREATE DEFINER = 'shop_app'@'%' FUNCTION tax_of(cents BIGINT, rate DECIMAL(4,3)) RETURNS BIGINT
  DETERMINISTIC NO SQL
  COMMENT 'what the state''s share is'
BEGIN
  -- rounded half up; the comment must survive ; and so must the semicolon
  RETURN ROUND(cents * rate);
END;;

CREATE PROCEDURE restock(IN product INT UNSIGNED, IN amount INT, OUT now_there INT)
  MODIFIES SQL DATA
  SQL SECURITY INVOKER
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  START TRANSACTION;
  UPDATE inventory SET quantity = quantity + amount WHERE product_id = product;
  SELECT SUM(quantity) INTO now_there FROM inventory WHERE product_id = product;
  COMMIT;
END;;

SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'
;;
CREATE FUNCTION "greet in ANSI"("who" VARCHAR(40)) RETURNS VARCHAR(80) DETERMINISTIC
RETURN 'Grüße, ' || "who" || ' 🛒\n';;
SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'
;;

CREATE TRIGGER orders_ai AFTER INSERT ON orders FOR EACH ROW
  INSERT INTO audit_log (happened_on, what, before_after) VALUES (DATE(NEW.ordered_at), CONCAT('order ', NEW.id), JSON_OBJECT('total', NEW.total_cents));;
CREATE TRIGGER orders_ai_again AFTER INSERT ON orders FOR EACH ROW FOLLOWS orders_ai
BEGIN
  IF NEW.total_cents > 1000000 THEN
    INSERT INTO audit_log (happened_on, what) VALUES (DATE(NEW.ordered_at), 'a large order 💶');
  END IF;
END;;
CREATE DEFINER = 'shop_app'@'%' TRIGGER products_bu BEFORE UPDATE ON products FOR EACH ROW
  SET NEW.status = IF(NEW.price_cents = 0, 'don''t sell', NEW.status);;
CREATE TRIGGER `odd trigger` BEFORE DELETE ON `odd name, with; spaces` FOR EACH ROW SET @gone = OLD.`a column`;;

CREATE EVENT forget_sessions ON SCHEDULE EVERY 1 HOUR STARTS '2024-01-01 00:00:00'
  COMMENT 'none is that old: it deletes nothing' DO DELETE FROM sessions WHERE expires_at < '2000-01-01';;
CREATE DEFINER = 'shop_app'@'%' EVENT `nightly, off` ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 03:00:00' ON COMPLETION PRESERVE DISABLE
DO BEGIN
  UPDATE coupons SET percent = 0 WHERE valid_until < '2000-01-01';
  DELETE FROM returns_pending WHERE order_id = 0;
END;;
CREATE EVENT end_of_time ON SCHEDULE AT '2037-12-31 23:59:59' ON COMPLETION PRESERVE DO SELECT 1;;
DELIMITER ;
