// java -cp postgresql-42.7.x.jar Check.java URL: what a JDBC tool does, printed line by line for jdbc.test.ts.
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;

public class Check {
  static void print(String name, ResultSet rows, String... columns) throws SQLException {
    StringBuilder line = new StringBuilder(name);
    while (rows.next()) {
      line.append(" ");
      for (String column : columns) line.append("/").append(rows.getString(column));
    }
    System.out.println(line);
  }

  static void roundTrip(Connection c, String name) throws SQLException {
    try (PreparedStatement p = c.prepareStatement("select ?::boolean, ?::int, ?::bigint, ?::double precision, ?::numeric, ?::text, ?::bytea, ?::date, ?::timestamptz, ?::int[]")) {
      // The sixth run is with a named statement and binary results.
      for (int run = 1; run <= 7; run++) {
        p.setBoolean(1, true);
        p.setInt(2, -run);
        p.setLong(3, 9007199254740993L);
        p.setDouble(4, 20.875);
        p.setBigDecimal(5, new BigDecimal("-12345.6700"));
        p.setString(6, "Grüße");
        p.setBytes(7, new byte[] {0, -1});
        p.setObject(8, LocalDate.of(2026, 7, 8));
        p.setObject(9, OffsetDateTime.of(2026, 7, 8, 12, 0, 0, 123456000, ZoneOffset.UTC));
        p.setArray(10, c.createArrayOf("int4", new Integer[] {1, null, 3}));
        try (ResultSet r = p.executeQuery()) {
          r.next();
          System.out.println(name + run + " " + r.getBoolean(1) + " " + r.getInt(2) + " " + r.getLong(3) + " " + r.getDouble(4) + " "
              + r.getBigDecimal(5).toPlainString() + " " + r.getString(6) + " " + Arrays.toString(r.getBytes(7)) + " "
              + r.getObject(8, LocalDate.class) + " " + r.getObject(9, OffsetDateTime.class).toInstant() + " "
              + Arrays.toString((Object[]) r.getArray(10).getArray()));
        }
      }
    }
  }

  public static void main(String[] args) throws Exception {
    try (Connection c = DriverManager.getConnection(args[0])) {
      DatabaseMetaData meta = c.getMetaData();
      System.out.println("version " + meta.getDatabaseMajorVersion());
      print("tables", meta.getTables(null, "public", "%", new String[] {"TABLE", "VIEW", "MATERIALIZED VIEW"}), "TABLE_NAME", "TABLE_TYPE");
      print("columns", meta.getColumns(null, "public", "sensors", "%"), "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS", "DATA_TYPE");
      print("keys", meta.getPrimaryKeys(null, "public", "sensors"), "COLUMN_NAME", "KEY_SEQ");
      print("indexes", meta.getIndexInfo(null, "public", "averages", true, false), "COLUMN_NAME");
      print("schemas", meta.getSchemas(), "TABLE_SCHEM");
      print("types", meta.getTableTypes(), "TABLE_TYPE");
      print("imported", meta.getImportedKeys(null, "public", "sensors"));
      meta.getTypeInfo().close();
      meta.getFunctions(null, "public", "%").close();
      roundTrip(c, "run");

      c.setAutoCommit(false);
      try (PreparedStatement p = c.prepareStatement("select value from sensors order by ts")) {
        p.setFetchSize(2);
        int count = 0;
        BigDecimal sum = BigDecimal.ZERO;
        try (ResultSet r = p.executeQuery()) {
          for (; r.next(); count++) if (r.getBigDecimal(1) != null) sum = sum.add(r.getBigDecimal(1));
        }
        System.out.println("fetched " + count + " " + sum.toPlainString());
      }
      c.commit();
      c.setAutoCommit(true);

      try (Statement s = c.createStatement()) {
        s.setQueryTimeout(1);
        s.executeQuery("subscribe averages");
      } catch (SQLException e) {
        System.out.println("cancelled " + e.getSQLState());
      }
      try (Statement s = c.createStatement()) {
        s.executeQuery("select 1; select * from nowhere");
      } catch (SQLException e) {
        System.out.println("error " + e.getSQLState());
      }
    }
  }
}
