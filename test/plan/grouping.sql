-- GROUP BY, HAVING, DISTINCT and aggregates.
CREATE SOURCE readings (device_id text, room text, temperature double precision, n integer, ok boolean, ts timestamptz, WATERMARK FOR ts AS ts - INTERVAL '5 seconds');

SELECT room, count(*) FROM readings;
SELECT room, temperature FROM readings GROUP BY room;
SELECT room, upper(room) || '!', n + 1 FROM readings GROUP BY room, n + 1;
SELECT room AS r, max(n) FROM readings GROUP BY r;
SELECT room, max(n) + min(n) * 2 AS spread, max(n) FROM readings GROUP BY 1 HAVING max(n) > 3 AND room <> 'attic';
SELECT count(*) FROM readings HAVING count(*) > 1;
SELECT count(DISTINCT room), sum(n) FILTER (WHERE ok), avg(n), sum(n::bigint) FROM readings;
SELECT max(min(n)) FROM readings;
SELECT n FROM readings WHERE max(n) > 1;
SELECT lower(DISTINCT room) FROM readings;
SELECT sum(room) FROM readings;
SELECT count(n) AS c FROM readings GROUP BY c;
SELECT room FROM readings GROUP BY 2;
SELECT room FROM readings GROUP BY room ORDER BY count(*) DESC, room;
SELECT DISTINCT room, n FROM readings WHERE n > 1;
SELECT room FROM readings GROUP BY ROLLUP (room);
SELECT room FROM readings GROUP BY GROUPING SETS ((room), ());
SELECT 'x', count(*) FROM readings GROUP BY 1;
SELECT readings.room, count(*) FROM readings GROUP BY room ORDER BY readings.room;
SELECT DISTINCT ON (room) room FROM readings;
SELECT room, sum(n) OVER (PARTITION BY room) FROM readings;
SELECT room, first(n), last(n), any_value(n), latest_by_offset(n), last(n, temperature), last(n ORDER BY n) FROM readings GROUP BY room;
SELECT room, last(m) FROM (SELECT room, window_end, max(n) AS m FROM TUMBLE(readings, ts, INTERVAL '1 minute') GROUP BY room, window_end) w GROUP BY room;
SELECT first(x) FROM (SELECT n AS x FROM readings) r;
