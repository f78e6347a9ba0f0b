-- Air quality alerts: a device whose CO2 averages over 1000 ppm in a minute sends one alert, to an embedded topic; views build on views.

CREATE SOURCE readings (
  device_id TEXT, site TEXT, ts TIMESTAMPTZ, equivalentco2ppm DOUBLE PRECISION, totalvocppb DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (connector = 'generator', devices = '50', rate = '50', rows = '30000', start_time = '2026-01-05T12:00:00Z');

CREATE MATERIALIZED VIEW minutes AS
  SELECT device_id, site, window_start, avg(equivalentco2ppm) AS co2, max(totalvocppb) AS max_voc
  FROM TUMBLE(readings, ts, INTERVAL '1 minute')
  GROUP BY device_id, site, window_start;

CREATE MATERIALIZED VIEW stuffy AS
  SELECT site, count(DISTINCT device_id) AS devices, max(co2) AS worst_co2 FROM minutes WHERE co2 > 1000 GROUP BY site;

CREATE SINK alerts AS
  SELECT device_id, window_start, avg(equivalentco2ppm) AS co2
  FROM TUMBLE(readings, ts, INTERVAL '1 minute')
  GROUP BY device_id, window_start HAVING avg(equivalentco2ppm) > 1000
  EMIT FINAL
  WITH (connector = 'embedded', topic = 'air-alerts', key = 'device_id');

SELECT site, devices, round(worst_co2::numeric, 1) AS worst_co2 FROM stuffy ORDER BY site;
