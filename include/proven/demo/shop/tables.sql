-- Tables of the shop. A line that ends with `-- only mariadb` or `-- only mysql` is for that flavour alone.
DROP DATABASE IF EXISTS shop;
DROP DATABASE IF EXISTS `shop-archive`;
CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE DATABASE `shop-archive` CHARACTER SET latin1 COLLATE latin1_german1_ci;
USE shop;

CREATE TABLE categories (
  id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  parent_id SMALLINT UNSIGNED NULL,
  name VARCHAR(80) NOT NULL,
  position TINYINT NOT NULL DEFAULT 0,
  UNIQUE KEY parent_name (parent_id, name),
  CONSTRAINT categories_parent FOREIGN KEY (parent_id) REFERENCES categories (id)
) ENGINE=InnoDB;

CREATE TABLE products (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  category_id SMALLINT UNSIGNED NOT NULL,
  sku CHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARCHAR(120) NOT NULL COMMENT 'what the customer''s invoice says; "quoted" too',
  price_cents INT UNSIGNED NOT NULL,
  tax_rate DECIMAL(4,3) NOT NULL DEFAULT 0.190,
  gross_price DECIMAL(12,2) GENERATED ALWAYS AS (ROUND(price_cents * (1 + tax_rate) / 100, 2)) STORED,
  label VARCHAR(140) GENERATED ALWAYS AS (CONCAT(sku, ': ', name)) VIRTUAL,
  status ENUM('draft','on sale','sold out','don''t sell') NOT NULL DEFAULT 'draft',
  marks SET('new','fragile','cold chain','18+') NOT NULL DEFAULT '',
  attributes JSON NULL,
  weight_kg DOUBLE NULL,
  rating FLOAT NULL,
  purchase_cents INT UNSIGNED NULL INVISIBLE,
  UNIQUE KEY sku (sku),
  KEY category_price (category_id, price_cents DESC),
  KEY name_prefix (name(20)),
  KEY cheap ((price_cents DIV 100)), -- only mysql
  CONSTRAINT products_category FOREIGN KEY (category_id) REFERENCES categories (id) ON UPDATE CASCADE,
  CONSTRAINT price_is_sane CHECK (price_cents < 100000000)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  public_id BINARY(16) NOT NULL,
  email VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  name VARCHAR(100) NOT NULL,
  nickname VARCHAR(40) NULL,
  birthday DATE NOT NULL DEFAULT '0000-00-00',
  flags BIT(12) NOT NULL DEFAULT b'0',
  newsletter BIT(1) NULL,
  password_hash VARBINARY(64) NULL INVISIBLE,
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  changed_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP,
  UNIQUE KEY email (email),
  UNIQUE KEY public_id (public_id)
) ENGINE=InnoDB;

CREATE TABLE addresses (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id INT UNSIGNED NOT NULL,
  street VARCHAR(120) NOT NULL,
  city VARCHAR(80) NOT NULL,
  place POINT NOT NULL,
  SPATIAL KEY place (place),
  CONSTRAINT addresses_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE
) ENGINE=InnoDB;

CREATE TABLE warehouses (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  name VARCHAR(40) NOT NULL,
  area GEOMETRY NULL,
  gates MULTIPOINT NULL,
  opens TIME NOT NULL DEFAULT '06:30:00',
  built YEAR NULL
) ENGINE=InnoDB;

CREATE TABLE inventory (
  warehouse_id TINYINT UNSIGNED NOT NULL,
  product_id INT UNSIGNED NOT NULL,
  quantity INT NOT NULL,
  counted_at DATETIME(3) NULL,
  PRIMARY KEY (warehouse_id, product_id),
  CONSTRAINT inventory_product FOREIGN KEY (product_id) REFERENCES products (id),
  CONSTRAINT inventory_warehouse FOREIGN KEY (warehouse_id) REFERENCES warehouses (id)
) ENGINE=InnoDB;

CREATE TABLE orders (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id INT UNSIGNED NOT NULL,
  status ENUM('open','paid','shipped','returned') NOT NULL,
  ordered_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  total_cents BIGINT NOT NULL,
  token CHAR(32) CHARACTER SET ascii NOT NULL,
  remark VARCHAR(200) NULL,
  KEY customer (customer_id),
  KEY ordered_at (ordered_at),
  CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
) ENGINE=InnoDB;

CREATE TABLE order_items (
  order_id INT UNSIGNED NOT NULL,
  position TINYINT UNSIGNED NOT NULL,
  product_id INT UNSIGNED NOT NULL,
  quantity SMALLINT NOT NULL,
  unit_cents INT NOT NULL,
  line_cents BIGINT GENERATED ALWAYS AS (quantity * unit_cents) VIRTUAL,
  serial VARCHAR(40) CHARACTER SET ascii NULL,
  PRIMARY KEY (order_id, position),
  KEY product (product_id),
  CONSTRAINT order_items_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
  CONSTRAINT order_items_product FOREIGN KEY (product_id) REFERENCES products (id)
) ENGINE=InnoDB;

CREATE TABLE payments (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  order_id INT UNSIGNED NOT NULL,
  amount_cents BIGINT NOT NULL,
  method ENUM('card','transfer','invoice') NOT NULL,
  reference BINARY(20) NOT NULL,
  provider JSON NOT NULL,
  KEY orders (order_id),
  CONSTRAINT payments_order FOREIGN KEY (order_id) REFERENCES orders (id)
) ENGINE=InnoDB;

CREATE TABLE shipments (
  order_id INT UNSIGNED NOT NULL PRIMARY KEY,
  carrier VARCHAR(20) NOT NULL,
  shipped_on DATE NOT NULL,
  delivered_at DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00',
  CONSTRAINT shipments_order FOREIGN KEY (order_id) REFERENCES orders (id)
) ENGINE=InnoDB;

CREATE TABLE reviews (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  product_id INT UNSIGNED NOT NULL,
  customer_id INT UNSIGNED NOT NULL,
  stars TINYINT NOT NULL,
  body TEXT NOT NULL,
  FULLTEXT KEY body (body),
  CONSTRAINT reviews_product FOREIGN KEY (product_id) REFERENCES products (id)
) ENGINE=InnoDB;

CREATE TABLE sessions (
  id VARBINARY(24) NOT NULL PRIMARY KEY,
  customer_id INT UNSIGNED NULL,
  address VARBINARY(16) NOT NULL,
  payload BLOB NULL,
  expires_at DATETIME NOT NULL
) ENGINE=InnoDB;

-- no primary key, and rows that are exactly alike
CREATE TABLE page_views (
  path VARCHAR(160) NOT NULL,
  customer_id INT UNSIGNED NULL,
  agent VARCHAR(120) NOT NULL,
  milliseconds SMALLINT UNSIGNED NOT NULL,
  KEY path (path(16))
) ENGINE=InnoDB;

CREATE TABLE audit_log (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  happened_on DATE NOT NULL,
  what VARCHAR(120) NOT NULL,
  before_after JSON NULL,
  PRIMARY KEY (id, happened_on)
) ENGINE=InnoDB
PARTITION BY RANGE (YEAR(happened_on)) (
  PARTITION before_2024 VALUES LESS THAN (2024),
  PARTITION in_2024 VALUES LESS THAN (2025),
  PARTITION in_2025 VALUES LESS THAN (2026),
  PARTITION later VALUES LESS THAN MAXVALUE
);

CREATE TABLE search_terms (
  term VARCHAR(60) NOT NULL,
  hits INT NOT NULL,
  PRIMARY KEY (term)
) ENGINE=MyISAM;

CREATE TABLE visits ( -- only mariadb
  day DATE NOT NULL PRIMARY KEY, -- only mariadb
  visitors INT NOT NULL -- only mariadb
) ENGINE=Aria TRANSACTIONAL=1; -- only mariadb

CREATE TABLE coupons (
  code VARBINARY(32) NOT NULL PRIMARY KEY,
  percent DECIMAL(5,2) NOT NULL,
  valid_until DATE NULL DEFAULT '0000-00-00',
  terms MEDIUMTEXT NULL
) ENGINE=InnoDB;

CREATE TABLE files (
  id INT NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  content LONGBLOB NULL
) ENGINE=InnoDB;

-- one column of every other type, at its edges
CREATE TABLE edges (
  id INT NOT NULL PRIMARY KEY,
  tiny TINYINT NULL,
  medium MEDIUMINT UNSIGNED NULL,
  big BIGINT NULL,
  huge BIGINT UNSIGNED NULL,
  padded INT(8) UNSIGNED ZEROFILL NULL,
  exact_number DECIMAL(65,30) NULL,
  inexact DOUBLE NULL,
  single FLOAT NULL,
  bits BIT(64) NULL,
  day DATE NULL,
  moment DATETIME(6) NULL,
  instant TIMESTAMP(6) NULL,
  span TIME(6) NULL,
  year_only YEAR NULL,
  bytes_fixed BINARY(8) NULL,
  bytes_varying VARBINARY(300) NULL,
  text_utf16 VARCHAR(40) CHARACTER SET utf16 NULL,
  text_utf8mb3 VARCHAR(40) CHARACTER SET utf8mb3 NULL,
  text_latin1 TEXT CHARACTER SET latin1 NULL,
  text_sjis VARCHAR(40) CHARACTER SET sjis NULL,
  text_fixed CHAR(10) NULL,
  document JSON NULL,
  shape GEOMETRY NULL,
  network INET6 NULL, -- only mariadb
  unique_id UUID NULL, -- only mariadb
  embedding VECTOR(3) NULL, -- only mysql
  hidden_and_computed BIGINT GENERATED ALWAYS AS (id * 1000) STORED INVISIBLE
) ENGINE=InnoDB;

-- nothing is in it, and that must be seen too
CREATE TABLE returns_pending (
  order_id INT UNSIGNED NOT NULL PRIMARY KEY,
  reason TEXT NOT NULL
) ENGINE=InnoDB COMMENT='empty; "quotes", a ; and a \\ in the comment';

CREATE TABLE `order` (`select` INT NOT NULL PRIMARY KEY, `from` VARCHAR(20) NULL) ENGINE=InnoDB;
CREATE TABLE `odd name, with; spaces` (`a column` INT NOT NULL PRIMARY KEY, `per%cent` VARCHAR(20) NULL) ENGINE=InnoDB;
CREATE TABLE `back``tick` (`a``b` INT NOT NULL PRIMARY KEY, `c"d'e` VARCHAR(20) NULL) ENGINE=InnoDB;
CREATE TABLE `größe_尺寸` (`größe` INT NOT NULL PRIMARY KEY, `名前` VARCHAR(20) NULL) ENGINE=InnoDB;
CREATE TABLE `NULL` (`NULL` INT NOT NULL PRIMARY KEY, `a.b` VARCHAR(20) NULL) ENGINE=InnoDB;

CREATE SEQUENCE invoice_numbers START WITH 1000 INCREMENT BY 1 CACHE 10; -- only mariadb
CREATE TABLE invoices ( -- only mariadb
  number BIGINT NOT NULL DEFAULT NEXTVAL(invoice_numbers) PRIMARY KEY, -- only mariadb
  note VARCHAR(40) NOT NULL -- only mariadb
) ENGINE=InnoDB; -- only mariadb
CREATE TABLE price_history ( -- only mariadb
  product_id INT UNSIGNED NOT NULL PRIMARY KEY, -- only mariadb
  price_cents INT NOT NULL -- only mariadb
) ENGINE=InnoDB WITH SYSTEM VERSIONING; -- only mariadb

CREATE TABLE `shop-archive`.customers_1998 (
  id INT NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  city CHAR(30) NOT NULL,
  remark TEXT NULL
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_german1_ci;
