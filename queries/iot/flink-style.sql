-- The same window as Flink writes it: a windowing table function over a descriptor.

CREATE TABLE meters (
  meter STRING, watts DOUBLE, ts TIMESTAMP_LTZ(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'embedded', 'topic' = 'meters', 'format' = 'json');

INSERT INTO meters VALUES
  ('m1', 100, '2026-01-05 09:00:00+00'), ('m1', 300, '2026-01-05 09:04:59+00'), ('m1', 500, '2026-01-05 09:05:00+00'),
  ('m2', 50, '2026-01-05 09:01:00+00');

SELECT meter, window_start, window_end, SUM(watts) AS watts
FROM TABLE(TUMBLE(TABLE meters, DESCRIPTOR(ts), INTERVAL '5' MINUTE))
GROUP BY meter, window_start, window_end ORDER BY meter, window_start;
