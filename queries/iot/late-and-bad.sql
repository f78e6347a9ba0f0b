-- Nothing is dropped silently: readings that come after their window has closed, and records that cannot be read, by SQL.

CREATE SOURCE readings (
  device_id TEXT, ts TIMESTAMPTZ, temperature DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (connector = 'generator', devices = '100', rate = '100', rows = '60000', start_time = '2026-01-05T09:00:00Z', late = '0.01', malformed = '0.005');

CREATE MATERIALIZED VIEW minutes AS
  SELECT window_start, count(*) AS readings, avg(temperature) AS avg_temperature
  FROM TUMBLE(readings, ts, INTERVAL '1 minute') GROUP BY window_start;

SELECT window_start, readings FROM minutes ORDER BY window_start;
SELECT job, rows_in, rows_late, rows_bad FROM tidemark.jobs;
SELECT watermark, row FROM tidemark.late_rows LIMIT 5;
SELECT "offset", reason, record FROM tidemark.bad_rows LIMIT 5;
