import java.util.*;
import java.util.concurrent.*;
import org.apache.pulsar.client.api.*;
import org.apache.pulsar.client.api.schema.*;
import org.apache.pulsar.client.impl.schema.SchemaInfoImpl;
import org.apache.pulsar.common.schema.*;

/** Writes to Pulsar and reads it with its own Java client, as standard input says: one tab-separated line a command, each answered by "ok". */
public class PulsarFeeder {
  public static void main(String[] args) throws Exception {
    PulsarClient client = PulsarClient.builder().serviceUrl(args[0]).startingBackoffInterval(50, TimeUnit.MILLISECONDS)
        .maxBackoffInterval(200, TimeUnit.MILLISECONDS).build();
    Scanner in = new Scanner(System.in, "UTF-8");
    while (in.hasNextLine()) {
      String[] f = in.nextLine().split("\t", -1);
      if (f[0].equals("read")) {
        System.out.println(read(client, f[1]));
        System.out.flush();
        continue;
      }
      if (f[0].equals("avro")) {
        System.out.println(avro(client, f));
        System.out.flush();
        continue;
      }
      // topic, codec, messages of a batch (0: no batches), then value, key, event time, property for each message; "~" is absent.
      int batch = Integer.parseInt(f[2]);
      Producer<byte[]> producer = client.newProducer(Schema.BYTES).topic(f[0]).compressionType(CompressionType.valueOf(f[1].replaceAll("/.*", "")))
            .hashingScheme(f[1].endsWith("/murmur3") ? HashingScheme.Murmur3_32Hash : HashingScheme.JavaStringHash)
            .enableChunking(f[1].endsWith("/chunked")).chunkMaxMessageSize(f[1].endsWith("/chunked") ? 100 : -1)
            .enableBatching(batch > 0).batchingMaxMessages(Math.max(batch, 2))
            .batchingMaxPublishDelay(1, TimeUnit.SECONDS).blockIfQueueFull(true)
            .messageRoutingMode(MessageRoutingMode.RoundRobinPartition).create();
      List<CompletableFuture<MessageId>> sent = new ArrayList<>();
      for (int i = 3; i + 3 < f.length; i += 4) {
        TypedMessageBuilder<byte[]> m = producer.newMessage();
        m.value(f[i].equals("~") ? null : f[i].getBytes("UTF-8"));
        if (f[i + 1].startsWith("bytes:")) m.keyBytes(f[i + 1].getBytes("UTF-8"));
        else if (!f[i + 1].equals("~")) m.key(f[i + 1]);
        if (!f[i + 2].equals("~")) m.eventTime(Long.parseLong(f[i + 2]));
        if (!f[i + 3].equals("~")) m.property("p", f[i + 3]);
        sent.add(m.sendAsync());
      }
      producer.flushAsync();
      StringBuilder ids = new StringBuilder("ok");
      for (CompletableFuture<MessageId> s : sent) ids.append('\t').append(s.get());
      // Many of them would all come back to a broker that was away.
      producer.close();
      System.out.println(ids);
      System.out.flush();
    }
    System.exit(0);
  }

  /** Every message there is, as Java's reader sees it: topic, key, event time, properties and value, each in Base64. */
  static String read(PulsarClient client, String topic) throws Exception {
    StringBuilder text = new StringBuilder("ok");
    try (Reader<byte[]> reader = client.newReader().topic(topic).startMessageId(MessageId.earliest).create()) {
      while (reader.hasMessageAvailable()) {
        Message<byte[]> m = reader.readNext();
        String key = !m.hasKey() ? "~" : (m.hasBase64EncodedKey() ? "bytes:" : "") + new String(m.getKeyBytes(), "ISO-8859-1");
        String value = m.getValue() == null ? "~" : new String(m.getValue(), "UTF-8");
        String[] fields = {m.getTopicName(), key, "" + m.getEventTime(), new TreeMap<>(m.getProperties()).toString(), value};
        for (String field : fields) text.append('\t').append(Base64.getEncoder().encodeToString(field.getBytes("UTF-8")));
      }
    }
    return text.toString();
  }

  /** avro, topic, AVRO or JSON, schema, then rows of a text in the first field and a number in the second. */
  static String avro(PulsarClient client, String[] f) throws Exception {
    SchemaInfo info = SchemaInfoImpl.builder().name("x").type(SchemaType.valueOf(f[2])).schema(f[3].getBytes("UTF-8"))
        .properties(new HashMap<>()).build();
    GenericSchema<GenericRecord> schema = Schema.generic(info);
    List<Field> fields = schema.getFields();
    try (Producer<GenericRecord> producer = client.newProducer(schema).topic(f[1]).create()) {
      for (int i = 4; i + 1 < f.length; i += 2)
        producer.send(schema.newRecordBuilder().set(fields.get(0), f[i]).set(fields.get(1), Long.parseLong(f[i + 1])).build());
    }
    return "ok";
  }
}
