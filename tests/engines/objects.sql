CREATE TABLE t (id INT PRIMARY KEY, x TEXT CHARACTER SET utf8mb4) ENGINE=InnoDB;
INSERT INTO t VALUES (1, '\\! touch /nonexistent'), (2, '😀 a\r\nb\0c\tq'), (3, '\n\\! false\n'), (4, NULL);
CREATE ROLE IF NOT EXISTS reader;
CREATE USER IF NOT EXISTS app@localhost IDENTIFIED BY 'not a secret';
GRANT SELECT ON *.* TO reader;
GRANT reader TO app@localhost;
CREATE DEFINER=app@localhost VIEW v AS SELECT id FROM t;
DELIMITER ;;
CREATE DEFINER=root@localhost PROCEDURE p()
BEGIN
  -- a comment; with a semicolon
  /* and another */ # and a third
  SELECT '\\! x', 'it''s';
END;;
CREATE DEFINER=app@localhost FUNCTION f() RETURNS INT DETERMINISTIC BEGIN RETURN 1; END;;
CREATE DEFINER=app@localhost TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.x = CONCAT(NEW.x, '!'); END;;
CREATE DEFINER=app@localhost EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; END;;
DELIMITER ;
