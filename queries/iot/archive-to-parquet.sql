-- Every reading as Parquet, in folders by day, hour and site that any reader of a data lake knows. For a bucket: connector = 's3', path = 's3://bucket/readings'.

CREATE SOURCE readings (
  device_id TEXT, site TEXT, ts TIMESTAMPTZ, temperature DOUBLE PRECISION, equivalentco2ppm DOUBLE PRECISION
) WITH (connector = 'generator', devices = '20', rate = '20', rows = '144000', start_time = '2026-01-05T09:00:00Z');

CREATE SINK archive FROM readings
  WITH (connector = 'file', path = './readings/', format = 'parquet', compression = 'zstd',
        partition_by = 'day(ts), hour(ts), site', roll_interval = '5 minutes', roll_bytes = '128 MB');
