-- From devices to a lake: readings by MQTT, a Pulsar topic keyed by device, alerts, one-minute maxima as a view, and everything as Parquet on S3.
-- Each reading is in the bucket once, also across kill -9, where devices publish with QoS 2; with QoS 1 the broker may give one twice.
-- Needs a server with the addresses in its environment, and AWS' own variables for the login to the bucket:
--   MQTT_URL=mqtt://localhost:1883 PULSAR_URL=pulsar://localhost:6650 PULSAR_ADMIN_URL=http://localhost:8080
--   S3_ENDPOINT=http://localhost:9000 S3_BUCKET=lake AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… tidemark serve
--   tidemark submit queries/iot/refcard.sql
-- Then: mosquitto_pub -q 2 -t sensors/hall/air -m '{"reading":1,"ts":"2026-01-05T09:00:10Z","equivalentco2ppm":1412,"totalvocppb":31}'

CREATE CONNECTION devices TYPE mqtt WITH (url = '${env:MQTT_URL}');
CREATE CONNECTION pulsar TYPE pulsar WITH (url = '${env:PULSAR_URL}', admin_url = '${env:PULSAR_ADMIN_URL}');
CREATE CONNECTION lake TYPE s3 WITH (endpoint = '${env:S3_ENDPOINT}', bucket = '${env:S3_BUCKET}');

CREATE SOURCE published (reading BIGINT, ts TIMESTAMPTZ, equivalentco2ppm DOUBLE PRECISION, totalvocppb DOUBLE PRECISION)
  INCLUDE TOPIC AS topic
  WITH (connection = 'devices', topic = 'sensors/+/air', qos = '2');

CREATE SINK bridge AS
  SELECT split_part(topic, '/', 2) AS device_id, reading, ts, equivalentco2ppm, totalvocppb FROM published
  WITH (connection = 'pulsar', topic = 'public/default/air', key = 'device_id', timestamp = 'ts', partitions = '3');

-- A partition whose devices are all silent holds the others' windows back for a minute.
CREATE SOURCE air (
  device_id TEXT, reading BIGINT, ts TIMESTAMPTZ, equivalentco2ppm DOUBLE PRECISION, totalvocppb DOUBLE PRECISION,
  WATERMARK FOR ts AS ts - INTERVAL '5 seconds'
) WITH (connection = 'pulsar', topic = 'public/default/air', idle_timeout = '1 minute');

CREATE SINK alerts AS
  SELECT device_id, reading, ts, equivalentco2ppm FROM air WHERE equivalentco2ppm > 1200
  WITH (connection = 'pulsar', topic = 'public/default/air-alerts', key = 'device_id', timestamp = 'ts');

-- psql -h localhost -p 7432 -c 'SELECT * FROM minutes ORDER BY window_start DESC, device_id LIMIT 10'
CREATE MATERIALIZED VIEW minutes AS
  SELECT device_id, window_start, count(*) AS readings, max(equivalentco2ppm) AS max_co2, max(totalvocppb) AS max_voc
  FROM TUMBLE(air, ts, INTERVAL '1 minute')
  GROUP BY device_id, window_start;

CREATE SINK archive FROM air
  WITH (connection = 'lake', prefix = 'air', format = 'parquet', compression = 'zstd',
        partition_by = 'day(ts), hour(ts)', roll_interval = '5 minutes');
