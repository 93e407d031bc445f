DROP TABLE product_deletions;
