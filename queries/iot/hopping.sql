-- Hopping windows: the highest temperature of the last ten minutes, every minute, per site; each window once, when it has closed.

CREATE SOURCE readings (
  site TEXT, ts TIMESTAMPTZ, temperature DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (connector = 'generator', devices = '50', rate = '10', rows = '12000', start_time = '2026-01-05T12:00:00Z');

CREATE SINK peaks AS
  SELECT site, window_start, window_end, max(temperature) AS peak, count(*) AS readings
  FROM HOP(readings, ts, INTERVAL '1 minute', INTERVAL '10 minutes')
  GROUP BY site, window_start, window_end
  EMIT FINAL
  WITH (connector = 'file', path = './peaks.ndjson', format = 'json');
