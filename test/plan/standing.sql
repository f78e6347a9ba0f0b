-- Time that moves: allowed where rows stay, and in reads.
CREATE SOURCE a (id int, x double precision, ts timestamptz, WATERMARK FOR ts AS ts);
SELECT id, now() AS seen FROM a EMIT CHANGES;
SELECT id FROM a WHERE ts > now() - INTERVAL '1 hour' EMIT CHANGES;
SELECT id FROM a WHERE ts > now() - INTERVAL '1 hour';
SELECT max(x), now() FROM a EMIT CHANGES;
SELECT date_trunc('hour', ts) AS hour, count(*) FROM a GROUP BY date_trunc('hour', ts) EMIT CHANGES;
SELECT extract(hour FROM ts), ts AT TIME ZONE 'Europe/Berlin', date_trunc('day', ts), x::text LIKE 'a%', x::text NOT ILIKE 'b' ESCAPE '!', x::text SIMILAR TO 'a|b' FROM a;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x), string_agg(id::text, ',' ORDER BY ts DESC), mode() WITHIN GROUP (ORDER BY id), percentile_disc(0.9) WITHIN GROUP (ORDER BY x DESC) FROM a;
SELECT trim('  x '), position('b' IN 'abc'), substring('abcdef' FROM 2 FOR 3), upper('a') || 'b', greatest(1, 2.5), least(id, 3) FROM a;
