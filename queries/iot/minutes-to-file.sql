-- EMIT FINAL to a CSV file: one row a device and minute, written when the minute has closed. Run twice with the same --data and nothing is written twice.

CREATE SOURCE readings (
  device_id TEXT, ts TIMESTAMPTZ, temperature DOUBLE PRECISION, totalvocppb DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (connector = 'generator', devices = '20', rate = '20', rows = '12000', start_time = '2026-01-05T09:00:00Z', out_of_order = '0.1');

CREATE SINK minutes AS
  SELECT device_id, window_start, count(*) AS readings, avg(temperature) AS avg_temperature, max(totalvocppb) AS max_voc
  FROM TUMBLE(readings, ts, INTERVAL '1 minute')
  GROUP BY device_id, window_start
  EMIT FINAL
  WITH (connector = 'file', path = './minutes.csv', format = 'csv');
