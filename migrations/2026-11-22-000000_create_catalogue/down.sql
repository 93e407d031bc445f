-- The extension stays: others may use it.
DROP TABLE images;
DROP TABLE products;
DROP TABLE accounts;
