-- Per-minute maxima of CO2 and volatile compounds, and the highest of all, from an embedded topic.
-- On a server, others write to the topic: tidemark topics produce airquality < readings.ndjson

CREATE SOURCE airquality (
  sensor TEXT, ts TIMESTAMPTZ, equivalentco2ppm DOUBLE PRECISION, totalvocppb DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (topic = 'airquality');

INSERT INTO airquality VALUES
  ('hall',   '2026-01-05 09:00:10+00', 412, 31),
  ('hall',   '2026-01-05 09:00:50+00', 460, 44),
  ('office', '2026-01-05 09:00:55+00', 780, 120),
  ('hall',   '2026-01-05 09:01:05+00', 455, 40),
  ('office', '2026-01-05 09:01:40+00', 1240, 310);

SELECT sensor, window_start, max(equivalentco2ppm) AS MaxCO2, max(totalvocppb) AS MaxVocPPB
FROM TUMBLE(airquality, ts, INTERVAL '1 minute')
GROUP BY sensor, window_start ORDER BY window_start, sensor;

select max(equivalentco2ppm) as MaxCO2, max(totalvocppb) as MaxVocPPB from airquality;
