-- The extension stays: others may use it.
SELECT 1;
