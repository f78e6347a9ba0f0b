-- Names: scopes, aliases, stars, and errors that say what there is.
CREATE SOURCE readings (device_id text, temperature double precision, humidity real, n integer, ts timestamptz, place ROW(room text, floor int),
  tags text[], extra MAP<text, double>, note jsonb, WATERMARK FOR ts AS ts - INTERVAL '5 seconds');
CREATE TABLE rooms (id int, name varchar(20), PRIMARY KEY (id));

SELECT r.device_id, readings.n FROM readings r;
SELECT r.*, n AS again FROM readings AS r(dev);
SELECT public.readings.n, readings.n FROM readings;
SELECT temprature FROM readings;
SELECT readings.nn FROM readings;
SELECT nothing_like_it FROM rooms;
SELECT 1 FROM redings;
SELECT nosuch(n) FROM readings;
SELECT lowr(device_id) FROM readings;
SELECT medan(n) FROM readings;
SELECT x FROM (SELECT n AS x, n + 1 AS x FROM readings) AS s;
SELECT place.room, (place).floor, readings.place.room AS again, tags[1], extra['co2'] FROM readings;
SELECT (place).roof FROM readings;
SELECT (place).* FROM readings;
SELECT n + 1, -n, n = 1, CASE WHEN n > 1 THEN 'x' END, CASE WHEN true THEN 1 ELSE n END, coalesce(n, 0), nullif(n, 0), n::text, '5'::int, 1::numeric(4, 2), TRUE, NULL, 'text', ARRAY[1, 2], ROW(1, 'a'), INTERVAL '5' MINUTE, DATE '2026-01-02', max(n) OVER () FROM readings;
SELECT n + 1, -n, n = 1, CASE WHEN n > 1 THEN 'x' END, CASE WHEN true THEN 1 ELSE n END, coalesce(n, 0), nullif(n, 0), n::text, '5'::int, 1::numeric(4, 2), TRUE, NULL, 'text', ARRAY[1, 2], ROW(1, 'a'), INTERVAL '5' MINUTE, DATE '2026-01-02' FROM readings;
SELECT *;
SELECT 1 + 1, current_user, current_schema, version();
SELECT n AS a FROM readings ORDER BY a, n DESC NULLS LAST, n + 1, 1 LIMIT 10 OFFSET 5;
SELECT n AS a, temperature AS a FROM readings ORDER BY a;
SELECT n FROM readings ORDER BY 2;
SELECT DISTINCT n FROM readings ORDER BY temperature;
SELECT DISTINCT n, device_id FROM readings ORDER BY device_id DESC;
SELECT w.n FROM readings w WHERE readings.n = 1;
SELECT device_id "Dev Id" FROM "readings";
SELECT n FROM readings FOR UPDATE;
SELECT note.a.b FROM readings;
SELECT place.roof FROM readings;
SELECT readings FROM readings;
SELECT note['a'] FROM readings;
