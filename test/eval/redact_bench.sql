-- What redaction costs through SQL: the first call of a session, a row of
-- 1 kB, and the memory that a backend keeps.
CREATE FUNCTION private_kb() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT (regexp_match(pg_read_file('/proc/self/status'), 'RssAnon:\s+(\d+) kB'))[1]::bigint
$$;
CREATE FUNCTION milliseconds(command text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz := clock_timestamp();
BEGIN
	EXECUTE command;
	RETURN round(extract(epoch FROM clock_timestamp() - start) * 1000, 3);
END $$;
CREATE TABLE sample AS
SELECT i, left(repeat('The seven people walk along an old road and talk about music and bread. ', 20), 1000) AS prose,
	left('Call +49 30 ' || 100000 + i || ' or mail user' || i || '@example.com. ' ||
		 repeat('The seven people walk along an old road and talk about music. ', 20), 1000) AS mixed
FROM generate_series(1, 20000) AS i;
SELECT count(*) FROM sample \g /dev/null
SELECT milliseconds('SELECT 1') \g /dev/null
SELECT 'kB of private memory before: ' || private_kb() AS kb \gset
\echo :kb
SELECT 'first call: ' || milliseconds('SELECT intel.redact(''mail ann@example.com'')') || ' ms';
SELECT 'empty loop over 20000 rows: ' || milliseconds('SELECT count(length(prose)) FROM sample') || ' ms';
SELECT '1 kB of prose: ' || round(min(milliseconds('SELECT count(intel.redact(prose)) FROM sample')) / 20, 2) || ' us a row'
FROM generate_series(1, 3);
SELECT '1 kB with a telephone and an address: ' ||
	round(min(milliseconds('SELECT count(intel.redact(mixed)) FROM sample')) / 20, 2) || ' us a row'
FROM generate_series(1, 3);
SELECT 'kB of private memory after: ' || private_kb();
