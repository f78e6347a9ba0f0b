-- Each alarm with the readings of its device in the minute before: a join bounded in time, which keeps no more than it needs.

CREATE SOURCE readings (
  device_id TEXT, ts TIMESTAMPTZ, temperature DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (topic = 'readings');

CREATE SOURCE alarms (
  device_id TEXT, ts TIMESTAMPTZ, kind TEXT,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (topic = 'alarms');

INSERT INTO readings VALUES
  ('d1', '2026-01-05 09:00:00+00', 21), ('d1', '2026-01-05 09:00:30+00', 24), ('d1', '2026-01-05 09:01:10+00', 31),
  ('d2', '2026-01-05 09:01:00+00', 20), ('d1', '2026-01-05 09:01:20+00', 32);

INSERT INTO alarms VALUES ('d1', '2026-01-05 09:01:15+00', 'smoke'), ('d3', '2026-01-05 09:01:20+00', 'door');

SELECT a.device_id, a.kind, a.ts AS alarm_at, r.ts AS read_at, r.temperature
FROM alarms a LEFT JOIN readings r
  ON r.device_id = a.device_id AND r.ts BETWEEN a.ts - INTERVAL '1 minute' AND a.ts
ORDER BY alarm_at, read_at;
