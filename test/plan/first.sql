-- The thin path: columns and conditions over a topic, and windows over it.
CREATE SOURCE readings (device_id text, room text, temperature double precision, humidity real, ts timestamptz, note jsonb,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds');

SELECT device_id, temperature * 9 / 5 + 32 AS fahrenheit FROM readings WHERE temperature > 20 AND room = 'kitchen';

SELECT * FROM readings;

SELECT max(temperature) AS hottest FROM readings;

SELECT count(*) FROM readings;

CREATE MATERIALIZED VIEW by_device AS
SELECT device_id, window_start, window_end, avg(temperature) AS mean, max(temperature), count(*)
FROM TUMBLE(readings, ts, INTERVAL '1 minute')
GROUP BY device_id, window_start, window_end;

SELECT device_id, max(temperature) FROM TUMBLE(readings, ts, INTERVAL '5 minutes') WHERE room <> 'attic' GROUP BY device_id, window_start HAVING max(temperature) > 30 EMIT FINAL;

SELECT device_id, max(mean) FROM by_device WHERE window_end > '2026-01-01' GROUP BY 1;
