-- Readings beside what a table knows of their device: a stream joined with a table, whose changes change the answer.

CREATE TABLE devices (device_id TEXT PRIMARY KEY, room TEXT, max_temperature DOUBLE PRECISION);

CREATE SOURCE readings (device_id TEXT, ts TIMESTAMPTZ, temperature DOUBLE PRECISION) WITH (topic = 'readings');

INSERT INTO devices VALUES ('d1', 'hall', 25), ('d2', 'attic', 30);

INSERT INTO readings VALUES
  ('d1', '2026-01-05 09:00:00+00', 21.5), ('d2', '2026-01-05 09:00:10+00', 28), ('d1', '2026-01-05 09:01:00+00', 26),
  ('d9', '2026-01-05 09:01:30+00', 19);

-- A MATERIALIZED view would be kept up to date, both by readings and by changes of the table.
CREATE VIEW too_warm AS
  SELECT r.ts, d.room, r.temperature
  FROM readings r JOIN devices d ON r.device_id = d.device_id
  WHERE r.temperature > d.max_temperature;

SELECT r.device_id, coalesce(d.room, 'unknown') AS room, r.temperature
FROM readings r LEFT JOIN devices d ON r.device_id = d.device_id ORDER BY r.ts;

SELECT * FROM too_warm ORDER BY ts;

UPDATE devices SET max_temperature = 27 WHERE room = 'attic';

SELECT * FROM too_warm ORDER BY ts;
