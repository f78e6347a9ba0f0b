-- Alerts, as ksqlDB writes them. Without a Kafka connection kafka_topic names an embedded topic;
-- CREATE CONNECTION kafka TYPE kafka WITH (brokers = 'localhost:9092') in front makes it a Kafka topic.

CREATE STREAM humidity_readings (device_id VARCHAR, humidity DOUBLE) WITH (kafka_topic='iot.sensor.humidity', value_format='JSON');
CREATE STREAM high_humidity_alerts AS SELECT * FROM humidity_readings WHERE humidity > 85.0;

INSERT INTO humidity_readings VALUES ('bath', 91.5), ('attic', 40.0), ('cellar', 86.2), ('hall', 85.0);

SELECT device_id, humidity FROM humidity_readings WHERE humidity > 85.0 ORDER BY device_id;
