-- Rooms: five-minute averages and the highest CO2 per site, from readings of one simulated hour.
-- Try: tidemark run queries/iot/rooms.sql

CREATE SOURCE readings (
  device_id TEXT, site TEXT, ts TIMESTAMPTZ, temperature DOUBLE PRECISION, humidity DOUBLE PRECISION, equivalentco2ppm DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (connector = 'generator', devices = '100', rate = '10', rows = '36000', start_time = '2026-01-05T09:00:00Z', out_of_order = '0.05');

CREATE MATERIALIZED VIEW rooms AS
  SELECT site, window_start, count(*) AS readings, avg(temperature) AS avg_temperature, max(equivalentco2ppm) AS max_co2
  FROM TUMBLE(readings, ts, INTERVAL '5 minutes')
  GROUP BY site, window_start;

SELECT site, window_start, readings, round(avg_temperature::numeric, 2) AS avg_temperature, max_co2
FROM rooms ORDER BY site, window_start;
