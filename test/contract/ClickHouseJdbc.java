import java.sql.*;
import java.util.*;

/** What ClickHouse's JDBC driver, with its defaults, makes of the gateway: a line for each thing that it saw. */
class ClickHouseJdbc {
  public static void main(String[] args) throws Exception {
    Class.forName("com.clickhouse.jdbc.ClickHouseDriver");
    Properties login = new Properties();
    login.setProperty("user", "default");
    login.setProperty("password", System.getenv("EDGEWISE_KEY"));
    try (Connection connection = DriverManager.getConnection(args[0], login);
        Statement statement = connection.createStatement()) {
      DatabaseMetaData meta = connection.getMetaData();
      System.out.println(meta.getDatabaseProductName());
      print(meta.getSchemas(), 1);
      print(meta.getTables(null, null, "orders", null), 3);
      print(meta.getColumns(null, null, "orders", "%"), 4);
      print(statement.executeQuery("SELECT count(), min(time), any(customer) FROM orders WHERE n = 3"), 1, 2, 3);
      try (PreparedStatement prepared =
          connection.prepareStatement("SELECT n FROM orders WHERE customer = ? ORDER BY n LIMIT 2")) {
        prepared.setString(1, "c3");
        print(prepared.executeQuery(), 1);
      }
      long sum = 0;
      try (ResultSet rows = statement.executeQuery("SELECT number, toString(number) FROM numbers(100000)")) {
        while (rows.next()) sum += rows.getLong(1);
      }
      System.out.println(sum);
      try {
        statement.executeQuery("SELECT * FROM missing");
      } catch (SQLException error) {
        System.out.println(error.getMessage().trim());
      }
    }
  }

  private static void print(ResultSet rows, int... columns) throws SQLException {
    try (rows) {
      while (rows.next()) {
        StringJoiner line = new StringJoiner(" ");
        for (int column : columns) line.add(rows.getString(column));
        System.out.println(line);
      }
    }
  }
}
